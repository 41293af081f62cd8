"""Who opens a socket: the Django session behind its cookie, the page's origin, the host."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host

# Handshakes have threads of their own: a storm of them delays neither pages nor delivery.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="socket-auth")


class Refused(Exception):
    """The socket may not be opened. `code` is the close code, `reason` says why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Identity:
    """A signed-in person, as far as delivery needs to know. `expires_in` is in seconds."""

    user_id: int
    username: str
    expires_in: int


async def authenticate(headers: Iterable[tuple[bytes, bytes]]) -> Identity:
    """Raises Refused with 4403 for a foreign page or host, 4401 for nobody signed in."""
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    host, _port = split_domain_port(sent.get("host", ""))
    if not validate_host(host, settings.ALLOWED_HOSTS):
        raise Refused(4403, "This host name is not one of ALLOWED_HOSTS.")
    if sent.get("origin", "").lower() not in settings.ALLOWED_ORIGINS:
        raise Refused(4403, "This page's origin is not one of ALLOWED_ORIGINS.")
    session_key = parse_cookie(sent.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
    loop = asyncio.get_running_loop()
    identity = await loop.run_in_executor(_threads, _identify, session_key)
    if identity is None:
        raise Refused(4401, "Sign in first.")
    return identity


def _identify(session_key: str) -> Identity | None:
    """The active user of a session. Django's `get_user` knows rotated secret keys."""
    if not session_key:
        return None
    close_old_connections()
    try:
        request = HttpRequest()
        session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
        # With rotated keys Django would move the session to a new key, for which a socket cannot
        # set the cookie; the next page does.
        session.cycle_key = lambda: None
        request.session = session
        user = get_user(request)
        if not user.is_authenticated or not user.is_active or user.pk is None:
            return None
        expires_in = int(request.session.get_expiry_age())
        return Identity(user.pk, user.get_username(), expires_in)
    finally:
        close_old_connections()
