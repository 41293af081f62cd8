"""Who opens a line: a Django session or an API token, the page's origin, the host.

Handshakes are checked together, in threads of their own that delay neither pages nor delivery.
"""

import asyncio
from collections.abc import Iterable, Mapping
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


async def authenticate(
    headers: Iterable[tuple[bytes, bytes]], *, is_fetch: bool = False
) -> Identity:
    """Raises Refused: FORBIDDEN for a foreign page or host, or a token that may not read;
    SIGNED_OUT for nobody signed in. Raises DatabaseError or TimeoutError when it cannot be told.

    `is_fetch`: not the handshake of a socket, but a GET, with which our own pages send no Origin.
    """
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    host, _port = split_domain_port(sent.get("host", ""))
    if not validate_host(host, settings.ALLOWED_HOSTS):
        raise Refused(CloseCode.FORBIDDEN, "This host name is not one of ALLOWED_HOSTS.")
    token = bearer(sent.get("authorization", ""))
    # A program with a token need not say where it comes from; whoever does must not be foreign.
    if (token is None or "origin" in sent) and _is_foreign(sent, is_fetch):
        raise Refused(CloseCode.FORBIDDEN, "This page's origin is not one of ALLOWED_ORIGINS.")
    identity = await _identify(_secret(token, sent.get("cookie", "")))
    if identity is None:
        words = "Sign in first." if token is None else "This token is not valid."
        raise Refused(CloseCode.SIGNED_OUT, words)
    if not identity.may_read:
        raise Refused(CloseCode.FORBIDDEN, "This token may not read.")
    return identity


def _is_foreign(sent: Mapping[str, str], is_fetch: bool) -> bool:
    """Does another site's page ask? Without an Origin, a browser still tells what kind of site."""
    if is_fetch and "origin" not in sent:
        return sent.get("sec-fetch-site", "none") not in ("same-origin", "none")
    return sent.get("origin", "").lower() not in settings.ALLOWED_ORIGINS


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
