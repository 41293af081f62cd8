"""Open lines end with what let their people in: a session or token that ends, cuts its sockets.

The rows are the truth. News of them comes from the database's own triggers, so that no code has to
remember to announce an end; a sweep finds what no news told of. Where the database cannot be asked
for long, nobody is served: a revocation could not be seen.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from realtime.close_codes import CloseCode
from realtime.connection import Connection
from realtime.events import SessionUpdate
from realtime.grant_news import GrantNews, listen
from realtime.identities import Identity, by_grants
from realtime.metrics import REVOCATION_TO_CUT
from realtime.models import Session

logger = logging.getLogger(__name__)

WARN_AT = (60, 300)  # seconds before the end
TICK = 1.0
SWEEP = 20.0
BLIND = 120.0  # seconds without an answer of the database, after which delivery stops
ASK_AGAIN = 0.4  # a form that changes a password saves its own session a moment later
ANSWER_SECONDS = 10.0
MOST_AT_ONCE = 500

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="grants")


class Grant:
    """One session or token, and the open lines that rest on it."""

    def __init__(self, identity: Identity) -> None:
        self.user_id = str(identity.user_id)
        self.expires_at = identity.expires_at
        self.connections: set[Connection] = set()
        self.warned = 0  # the last of WARN_AT that was told
        self.doubted_at = 0.0  # by the monotonic clock
        self.changed_at = 0.0  # Unix time, as the database last said

    def tell(self, update: SessionUpdate) -> None:
        for connection in list(self.connections):
            connection.tell(update)

    def end(self, code: int, reason: str) -> None:
        for connection in list(self.connections):
            connection.end(code, reason)


class Grants:
    """Belongs to one event loop; see the module's text."""

    def __init__(self) -> None:
        self.listening = asyncio.Event()  # set once news are heard
        self._grants: dict[str, Grant] = {}
        self._unsure: set[str] = set()  # to be asked of the database
        self._has_unsure = asyncio.Event()
        self._answered_at = time.monotonic()
        self._swept_at = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    def watch(self, connection: Connection) -> None:
        """From now on the connection ends with its grant."""
        if not self._tasks:
            self._start()
        if not self._grants:
            self._answered_at = time.monotonic()
        identity = connection.identity
        grant = self._grants.setdefault(identity.grant, Grant(identity))
        grant.connections.add(connection)
        # It may have ended since the handshake: asked at the next tick, with others.
        self._unsure.add(identity.grant)

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""
        name = connection.identity.grant
        if grant := self._grants.get(name):
            grant.connections.discard(connection)
            if not grant.connections:
                del self._grants[name]

    async def extend(self, connection: Connection) -> None:
        """Begin the session's time anew; all its tabs are told. Raises ValueError for a token,
        DatabaseError or TimeoutError when it cannot be done now."""
        kind, _, pk = connection.identity.grant.partition(":")
        if kind != "session":
            raise ValueError("the time of a token cannot be extended")
        async with asyncio.timeout(ANSWER_SECONDS):
            await asyncio.get_running_loop().run_in_executor(_threads, _extend, pk)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def _start(self) -> None:
        work = (listen(self._heard, self._began), self._tick(), self._check())
        self._tasks = [asyncio.create_task(step) for step in work]

    def _began(self) -> None:
        self.listening.set()
        self._sweep()

    def _heard(self, news: GrantNews) -> None:
        if news.user:
            names = [name for name, grant in self._grants.items() if grant.user_id == news.user]
        else:
            names = [f"session:{news.session}" if news.session else f"token:{news.token}"]
        for name in names:
            if grant := self._grants.get(name):
                grant.changed_at = news.at
        self._ask(names)

    def _ask(self, names: Iterable[str]) -> None:
        self._unsure.update(names)
        self._has_unsure.set()

    def _sweep(self) -> None:
        self._swept_at = time.monotonic()
        self._ask(self._grants)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            if now - self._swept_at >= SWEEP:
                self._sweep()
            if self._unsure:
                self._has_unsure.set()
            if self._grants and now - self._answered_at >= BLIND:
                self._serve_nobody()
            for name, grant in list(self._grants.items()):
                self._mind_the_time(name, grant)

    def _mind_the_time(self, name: str, grant: Grant) -> None:
        if grant.expires_at is None:
            return
        left = grant.expires_at - time.time()
        if left <= 0:
            return self._ask([name])  # another tab may have extended it
        due = next((seconds for seconds in WARN_AT if left <= seconds), 0)
        if due and (not grant.warned or due < grant.warned):
            grant.warned = due
            grant.tell(SessionUpdate(status="expiring_soon", expires_in=int(left)))

    async def _check(self) -> None:
        while True:
            await self._has_unsure.wait()
            self._has_unsure.clear()
            while self._unsure:
                now = list(self._unsure & self._grants.keys())[:MOST_AT_ONCE]
                self._unsure = self._unsure.difference(now) & self._grants.keys()
                if now and not await self._check_some(now):
                    self._unsure.update(now)
                    break  # the next tick tries again

    async def _check_some(self, names: Collection[str]) -> bool:
        """Ask the database about grants, and do as it says. False when it does not answer."""
        loop = asyncio.get_running_loop()
        heard = {name: self._grants[name].changed_at for name in names}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                who = await loop.run_in_executor(_threads, by_grants, names)
        except (DatabaseError, OSError, TimeoutError) as error:
            logger.warning("sessions cannot be checked: %s", error)
            return False
        except Exception:
            logger.exception("sessions cannot be checked")
            return False
        self._answered_at = time.monotonic()
        for name in names:
            if grant := self._grants.get(name):
                self._apply(name, grant, who.get(name), is_doubtful=name in who)
                if who.get(name) and grant.changed_at == heard[name]:
                    grant.changed_at = 0.0  # that change was no end
        return True

    def _apply(self, name: str, grant: Grant, who: Identity | None, *, is_doubtful: bool) -> None:
        if who:
            grant.doubted_at = 0.0
            self._renew(grant, who)
        elif is_doubtful and not grant.doubted_at:
            grant.doubted_at = time.monotonic()
            asyncio.get_running_loop().call_later(ASK_AGAIN, self._ask, [name])
        elif is_doubtful and time.monotonic() - grant.doubted_at < ASK_AGAIN * 0.9:
            pass  # a sweep came between
        elif grant.expires_at is not None and grant.expires_at <= time.time():
            grant.tell(SessionUpdate(status="expired", expires_in=0))
            grant.end(CloseCode.SIGNED_OUT, "Your session has expired.")
        else:
            if grant.changed_at:
                late = max(0.0, time.time() - grant.changed_at)  # the clocks may differ
                REVOCATION_TO_CUT.observe(late)
                logger.info("%s is cut %.0f ms after its end", name, late * 1000)
            grant.tell(SessionUpdate(status="revoked", expires_in=0))
            grant.end(CloseCode.FORBIDDEN, "Your session was ended.")

    def _renew(self, grant: Grant, who: Identity) -> None:
        before, grant.expires_at = grant.expires_at, who.expires_at
        if before is None or who.expires_at is None or who.expires_at <= before:
            return
        grant.warned = 0
        grant.tell(SessionUpdate(status="extended", expires_in=who.expires_in or 0))

    def _serve_nobody(self) -> None:
        logger.error("sessions could not be checked for %s s: all sockets are closed", BLIND)
        for grant in list(self._grants.values()):
            grant.end(CloseCode.UNAVAILABLE, "Sessions cannot be checked now.")


def _extend(pk: str) -> None:
    close_old_connections()
    try:
        now = timezone.now()
        ends = now + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        Session.objects.filter(pk=pk, expire_date__gt=now).update(expire_date=ends)
    finally:
        close_old_connections()


_grants: dict[asyncio.AbstractEventLoop, Grants] = {}


def grants() -> Grants:
    """This process's watch over its connections."""
    return _grants.setdefault(asyncio.get_running_loop(), Grants())
