"""API tokens: made, and recognised when they come back. Only their hashes are kept."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from realtime.models import ApiToken

BEGINS = "wk_"  # so that a token that leaked is recognised as one
SHOWN = 8  # characters
USED_EVERY = timedelta(minutes=1)


def make(
    owner: User, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """A new token's row, and the token, which cannot be seen again."""
    token = BEGINS + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        owner=owner,
        name=name,
        scopes=sorted(set(scopes)),
        digest=digest(token),
        prefix=token[:SHOWN],
        expires_at=expires_at,
    )
    return row, token


def digest(token: str) -> str:
    """Tokens are random and long, so a plain hash cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


def found(condition: Q) -> list[ApiToken]:
    """Those of the tokens, with their owners, that let somebody in now."""
    now = timezone.now()
    lasting = Q(expires_at=None) | Q(expires_at__gt=now)
    return list(
        ApiToken.objects.select_related("owner").filter(condition, lasting, owner__is_active=True)
    )


def used(tokens: Iterable[ApiToken]) -> None:
    """Note that they were, at most once a minute."""
    now = timezone.now()
    old = [t.pk for t in tokens if t.last_used_at is None or t.last_used_at < now - USED_EVERY]
    if old:
        ApiToken.objects.filter(pk__in=old).update(last_used_at=now)


def bearer(authorization: str) -> str | None:
    """The token in an `Authorization` header; None when it is of another kind, or missing."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
