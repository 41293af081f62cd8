"""Who calls the HTTP API: a program with a token, or a person with a session."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import Http404, HttpRequest
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer, SessionAuth

from realtime import tokens
from realtime.models import Scope
from realtime.problems import Problem

_READING = ("GET", "HEAD", "OPTIONS")


class TokenAuth(HttpBearer):
    """`Authorization: Bearer <token>`; a wrong one is refused, whatever cookies come with it."""

    def authenticate(self, request: HttpRequest, token: str) -> User:
        rows = tokens.found(Q(digest=tokens.digest(token.strip())))
        if not rows:
            raise AuthenticationError
        needed = Scope.READ if request.method in _READING else Scope.WRITE
        if needed not in rows[0].scopes:
            raise Problem(403, "Forbidden", f"This token has no scope “{needed}”.")
        tokens.used(rows)
        return rows[0].owner


class OnlyPeople(SessionAuth):
    """For what decides who gets in: a token may not."""

    def __call__(self, request: HttpRequest) -> Any:
        if tokens.bearer(request.headers.get("Authorization", "")) is not None:
            raise Problem(403, "Forbidden", "A token may not do this. Sign in with a password.")
        return super().__call__(request)


def staff(request: HttpRequest) -> User:
    """The caller, who is staff; for others there is nothing here."""
    user: User = request.auth  # type: ignore[attr-defined]
    if not user.is_staff:
        raise Http404
    return user


ANYBODY = [TokenAuth(), SessionAuth(csrf=True)]
PEOPLE = OnlyPeople(csrf=True)
