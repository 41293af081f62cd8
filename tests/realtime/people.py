"""How ann's and bob's devices and programs are let in, in tests."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from realtime import tokens
from realtime.auth import Identity, authenticate
from realtime.models import Session

Headers = list[tuple[bytes, bytes]]


def device(user: User, **headers: str) -> tuple[Client, Session]:
    """A new browser of the user, signed in; and its session."""
    client = Client(**headers)
    client.force_login(user)
    return client, Session.objects.get(session_key=key_of(client))


def key_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def program(user: User, *scopes: str, **more: Any) -> tuple[dict[str, str], str]:
    """A token's header, and its id."""
    row, token = tokens.make(user, "a program", scopes or ("read", "write"), **more)
    return {"Authorization": f"Bearer {token}"}, str(row.pk)


def handshake(cookie: str = "", **headers: str) -> Headers:
    """What a page of ours sends to open a socket."""
    sent = {"host": "localhost", "origin": settings.ALLOWED_ORIGINS[0], **headers}
    if cookie:
        sent["cookie"] = f"{settings.SESSION_COOKIE_NAME}={cookie}"
    return [(k.lower().encode(), v.encode()) for k, v in sent.items()]


async def identity_of(client: Client) -> Identity:
    return await authenticate(handshake(key_of(client)))
