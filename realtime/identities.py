"""Who somebody is, by the session or the API token that lets them in, as the database says now.

Asked for many at once: a storm of handshakes, or the sweep over all that are open, is a query or
two.
"""

import time
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import ceil

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db import close_old_connections
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from realtime import tokens
from realtime.models import ApiToken, Scope, Session
from realtime.session_store import SessionStore

Secret = tuple[str, str]  # ("session", its key) or ("token", its text)


@dataclass(frozen=True)
class Identity:
    """A signed-in person, as far as delivery needs to know.

    `grant` is what lets them in and is watched: `session:<public id>` or `token:<id>`.
    `expires_at` is in seconds of Unix time; None does not expire.
    """

    user_id: int
    username: str
    grant: str
    expires_at: float | None
    may_read: bool = True

    @property
    def expires_in(self) -> int | None:
        """Seconds that are left."""
        return None if self.expires_at is None else max(0, ceil(self.expires_at - time.time()))


def by_secrets(secrets: Iterable[Secret]) -> dict[Secret, Identity]:
    """Those that let somebody in. May raise DatabaseError."""
    close_old_connections()
    try:
        asked = set(secrets)
        keys = [secret for kind, secret in asked if kind == "session"]
        digests = {tokens.digest(text): text for kind, text in asked if kind == "token"}
        who: dict[Secret, Identity] = {}
        for session in _sessions(Q(session_key__in=keys)) if keys else ():
            if is_whole(session):
                who["session", session.session_key] = _of_session(session)
        if digests:
            rows = tokens.found(Q(digest__in=list(digests)))
            tokens.used(rows)
            who |= {("token", digests[row.digest]): _of_token(row) for row in rows}
        return who
    finally:
        close_old_connections()


def by_grants(grants: Collection[str]) -> dict[str, Identity | None]:
    """How grants stand that once were good; what is missing in the answer is gone.

    None: the session is there, but does not fit its user's password (yet: a password is changed
    before the session that did it). May raise DatabaseError.
    """
    close_old_connections()
    try:
        split = [grant.split(":", 1) for grant in grants]
        ids = {kind: [uuid.UUID(pk) for k, pk in split if k == kind] for kind, _ in split}
        who: dict[str, Identity | None] = {}
        for session in _sessions(Q(pk__in=ids["session"])) if "session" in ids else ():
            identity = _of_session(session)
            who[identity.grant] = identity if is_whole(session) else None
        if "token" in ids:
            identities = map(_of_token, tokens.found(Q(pk__in=ids["token"])))
            who |= {identity.grant: identity for identity in identities if identity.may_read}
        return who
    finally:
        close_old_connections()


def _sessions(condition: Q) -> Iterable[Session]:
    """Those that have not expired, of people who may sign in."""
    lasting = Q(expire_date__gt=timezone.now(), user__is_active=True)
    return Session.objects.select_related("user").filter(condition, lasting)


def is_whole(session: Session) -> bool:
    """Does what the session holds fit its user, with this secret key or one before it?"""
    data, user = SessionStore().decode(session.session_data), session.user
    if user is None or data.get(SESSION_KEY) != str(user.pk):
        return False
    if data.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    return _fits(user, data.get(HASH_SESSION_KEY, ""))


def _fits(user: User, session_hash: str) -> bool:
    if constant_time_compare(session_hash, user.get_session_auth_hash()):
        return True
    before = user.get_session_auth_fallback_hash()
    return any(constant_time_compare(session_hash, old) for old in before)


def _of_session(session: Session) -> Identity:
    assert session.user
    ends = session.expire_date.timestamp()
    name = session.user.get_username()
    return Identity(session.user.pk, name, f"session:{session.pk}", ends)


def _of_token(token: ApiToken) -> Identity:
    ends = token.expires_at.timestamp() if token.expires_at else None
    owner = token.owner
    grant, may_read = f"token:{token.pk}", Scope.READ in token.scopes
    return Identity(owner.pk, owner.get_username(), grant, ends, may_read)
