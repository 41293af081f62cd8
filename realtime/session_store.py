"""Django's sessions as rows of `realtime.models.Session`."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import IntegrityError, transaction
from django.utils import timezone

from realtime.models import Session


class SessionStore(DatabaseStore):
    """A session keeps its row, and so its public id, when its key changes: for its own tabs a
    sign-in, a changed password or a rotated secret is not an end."""

    # The row as it was last read or written; `device` is who signed in, to be written with it.
    row: Session | None = None
    device: dict[str, Any] | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        self.row = super()._get_session_from_db()  # type: ignore[misc]
        return self.row

    def expires_in(self) -> int:
        """Seconds until the session ends; with changes not saved yet, once they are."""
        if self.modified or not self._session_is_stored():
            return int(self.get_expiry_age())
        assert self.row
        return max(0, round((self.row.expire_date - timezone.now()).total_seconds()))

    def _session_is_stored(self) -> bool:
        self._get_session()  # type: ignore[attr-defined]
        return self.row is not None

    def cycle_key(self) -> None:
        data = self._get_session()  # type: ignore[attr-defined]
        key = self._get_new_session_key()  # type: ignore[attr-defined]
        if Session.objects.filter(session_key=self.session_key).update(session_key=key):
            self._session_key = key
            self.modified = True
        else:
            self.create()
            self._session_cache = data

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return self.create()
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        fields = {
            "session_data": self.encode(data),
            "expire_date": self.get_expiry_date(),
            "user_id": data.get(SESSION_KEY),
            **(self.device or {}),
        }
        if must_create:
            try:
                with transaction.atomic():
                    Session.objects.create(session_key=self.session_key, **fields)
            except IntegrityError as error:
                raise CreateError from error
        elif not Session.objects.filter(session_key=self.session_key).update(**fields):
            raise UpdateError
        self.row = None
        return None

    async def asave(self, must_create: bool = False) -> None:
        await sync_to_async(self.save)(must_create)

    async def acycle_key(self) -> None:
        await sync_to_async(self.cycle_key)()
