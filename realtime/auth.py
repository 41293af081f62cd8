"""Who opens a socket: a Django session or an API token, the page's origin, the host.

Handshakes are checked together, in threads of their own that delay neither pages nor delivery.
"""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host

from realtime.close_codes import CloseCode
from realtime.identities import Identity, Secret, by_secrets
from realtime.together import Together
from realtime.tokens import bearer

__all__ = ["Identity", "Refused", "authenticate"]

CHECK_SECONDS = 10.0

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="socket-auth")


class Refused(Exception):
    """The socket may not be opened. `code` is the close code, `reason` says why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def authenticate(headers: Iterable[tuple[bytes, bytes]]) -> Identity:
    """Raises Refused: FORBIDDEN for a foreign page or host, or a token that may not read;
    SIGNED_OUT for nobody signed in. Raises DatabaseError or TimeoutError when it cannot be told."""
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    host, _port = split_domain_port(sent.get("host", ""))
    if not validate_host(host, settings.ALLOWED_HOSTS):
        raise Refused(CloseCode.FORBIDDEN, "This host name is not one of ALLOWED_HOSTS.")
    token = bearer(sent.get("authorization", ""))
    # No foreign page can send an Authorization header of a socket.
    if token is None and sent.get("origin", "").lower() not in settings.ALLOWED_ORIGINS:
        raise Refused(CloseCode.FORBIDDEN, "This page's origin is not one of ALLOWED_ORIGINS.")
    identity = await _identify(_secret(token, sent.get("cookie", "")))
    if identity is None:
        words = "Sign in first." if token is None else "This token is not valid."
        raise Refused(CloseCode.SIGNED_OUT, words)
    if not identity.may_read:
        raise Refused(CloseCode.FORBIDDEN, "This token may not read.")
    return identity


def _secret(token: str | None, cookie: str) -> Secret:
    if token is not None:
        return "token", token
    return "session", parse_cookie(cookie).get(settings.SESSION_COOKIE_NAME, "").replace("\0", "")


_checks: dict[asyncio.AbstractEventLoop, Together[Secret, Identity]] = {}


async def _identify(secret: Secret) -> Identity | None:
    """Whom the secret lets in."""
    if not secret[1]:
        return None
    loop = asyncio.get_running_loop()
    if loop not in _checks:
        _checks[loop] = Together(by_secrets, _threads, CHECK_SECONDS)
    return await _checks[loop].ask(secret)
