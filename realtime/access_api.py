"""Who gets in as me: my sessions, and the API tokens of my programs."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import AfterValidator, Field, StringConstraints

from realtime import tokens as api_tokens
from realtime.identities import is_whole
from realtime.models import ApiToken, Scope, Session
from realtime.problems import CamelSchema, Problem
from realtime.text import storable

sessions = Router(tags=["session"])
tokens = Router(tags=["tokens"])

MOST_TOKENS = 100  # of one person


class SessionOut(CamelSchema):
    session_id: str
    user_agent: str
    ip: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool


class SessionsOut(CamelSchema):
    sessions: list[SessionOut]


def mine(user: User) -> QuerySet[Session]:
    """The person's sessions that have not expired, the last seen first."""
    return Session.objects.filter(user=user, expire_date__gt=timezone.now())


def letting_in(user: User) -> list[Session]:
    """Those of them that fit the person's password still."""
    return [session for session in mine(user).select_related("user") if is_whole(session)]


def is_current(request: HttpRequest, session: Session) -> bool:
    return session.session_key == request.session.session_key


def _caller(request: HttpRequest) -> User:
    user: User = request.auth  # type: ignore[attr-defined]
    return user


@sessions.get("", response=SessionsOut, by_alias=True)
def list_sessions(request: HttpRequest) -> dict[str, Any]:
    fields = ("user_agent", "ip", "created_at", "last_seen_at")
    return {
        "sessions": [
            {name: getattr(session, name) for name in fields}
            | {"session_id": str(session.pk), "expires_at": session.expire_date}
            | {"current": is_current(request, session)}
            for session in letting_in(_caller(request))
        ]
    }


@sessions.delete("", response={204: None})
def end_all_others(request: HttpRequest) -> tuple[int, None]:
    """Sign out everywhere else."""
    mine(_caller(request)).exclude(session_key=request.session.session_key).delete()
    return 204, None


@sessions.delete("/{uuid:session_id}", response={204: None})
def end(request: HttpRequest, session_id: uuid.UUID) -> tuple[int, None]:
    """Sign out there; its sockets are cut at once."""
    if not mine(_caller(request)).filter(pk=session_id).delete()[0]:
        raise Http404
    return 204, None


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(storable),
]


class TokenIn(CamelSchema):
    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1)]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class TokenOut(CamelSchema):
    token_id: str
    name: str
    scopes: list[str]
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class NewTokenOut(TokenOut):
    token: str


class TokensOut(CamelSchema):
    tokens: list[TokenOut]


def _token_out(token: ApiToken) -> dict[str, Any]:
    fields = ("name", "scopes", "prefix", "created_at", "last_used_at", "expires_at")
    return {"token_id": str(token.pk)} | {name: getattr(token, name) for name in fields}


@tokens.post("", response={201: NewTokenOut}, by_alias=True)
def make_token(request: HttpRequest, asked: TokenIn) -> tuple[int, dict[str, Any]]:
    """A new token. This answer is the only place where it is ever shown."""
    owner, days = _caller(request), asked.expires_in_days
    if owner.api_tokens.count() >= MOST_TOKENS:
        words = f"There are {MOST_TOKENS} already. Revoke those that are not used."
        raise Problem(409, "Too many tokens", words)
    ends = timezone.now() + timedelta(days=days) if days else None
    row, token = api_tokens.make(owner, asked.name, asked.scopes, ends)
    return 201, _token_out(row) | {"token": token}


@tokens.get("", response=TokensOut, by_alias=True)
def list_tokens(request: HttpRequest) -> dict[str, Any]:
    return {"tokens": [_token_out(row) for row in ApiToken.objects.filter(owner=_caller(request))]}


@tokens.delete("/{uuid:token_id}", response={204: None})
def revoke(request: HttpRequest, token_id: uuid.UUID) -> tuple[int, None]:
    """It lets nobody in any more; sockets opened with it are cut at once."""
    if not ApiToken.objects.filter(owner=_caller(request), pk=token_id).delete()[0]:
        raise Http404
    return 204, None
