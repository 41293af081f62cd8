"""Who opens a line: a Django session or an API token, the page's origin, the host.

Handshakes that arrive while others are being checked are checked together next, so that a storm of
them costs a few queries, in threads of their own that delay neither pages nor delivery.
"""

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.conf import settings
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host

from realtime.close_codes import CloseCode
from realtime.identities import Identity, Secret, by_secrets
from realtime.tokens import bearer

__all__ = ["Identity", "Refused", "authenticate"]

CHECK_SECONDS = 10.0
MOST_AT_ONCE = 500

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
    # No foreign page can send an Authorization header.
    if token is None and _is_foreign(sent, is_fetch):
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


class _Checks:
    """The handshakes of one event loop that wait to be checked."""

    def __init__(self) -> None:
        self._waiting: dict[Secret, asyncio.Future[Identity | None]] = {}
        self._working: asyncio.Task[None] | None = None

    async def ask(self, secret: Secret) -> Identity | None:
        if secret not in self._waiting:
            self._waiting[secret] = asyncio.get_running_loop().create_future()
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        # Others may wait for the same answer.
        return await asyncio.shield(self._waiting[secret])

    async def _work(self) -> None:
        try:
            while self._waiting:
                now = list(self._waiting)[:MOST_AT_ONCE]
                await self._check({secret: self._waiting.pop(secret) for secret in now})
        finally:
            self._working = None

    async def _check(self, batch: dict[Secret, asyncio.Future[Identity | None]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                who = await loop.run_in_executor(_threads, by_secrets, list(batch))
        except Exception as error:
            for answer in batch.values():
                answer.set_exception(error)
                with suppress(Exception):
                    answer.exception()  # seen, also when nobody waits for it any more
        else:
            for secret, answer in batch.items():
                answer.set_result(who.get(secret))


_checks: dict[asyncio.AbstractEventLoop, _Checks] = {}


async def _identify(secret: Secret) -> Identity | None:
    """Whom the secret lets in."""
    if not secret[1]:
        return None
    return await _checks.setdefault(asyncio.get_running_loop(), _Checks()).ask(secret)
