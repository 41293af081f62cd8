"""The open sockets of this process, and what is done to all of them: heartbeats, the closing of
those that do not keep up, the drain before the process ends."""

import asyncio
import random
import signal
import threading
import time
from collections import Counter, deque
from types import FrameType
from typing import Any, Protocol

from realtime.auth import Identity
from realtime.close_codes import CloseCode
from realtime.delivery import Delivery
from realtime.metrics import SocketKind
from realtime.roll_call import RollCall

HEARTBEAT = 20  # seconds
TICK = 0.5  # seconds between looks at who is due
AT_ONCE = 20  # heartbeats before events have a turn
STALLED = 60.0  # seconds without an acknowledgement while the window is full
MOST_SOCKETS = 100  # of one person in one process
DRAIN = 3.0  # seconds that the closing of all sockets may take
SPREAD_MS = 2  # for each socket that comes back elsewhere


class OpenSocket(Protocol):
    """What is asked of a socket here; it is a `realtime.connection.Connection` besides."""

    id: str
    kind: SocketKind
    identity: Identity
    since: float
    delivery: Delivery

    @property
    def is_open(self) -> bool: ...

    @property
    def stalled_since(self) -> float | None: ...

    def beat(self) -> None:
        """Say that the line is alive, and where the stream's head is."""

    def end(self, code: int, reason: str, retry_after_ms: int | None = None) -> None: ...


class Sockets:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self.by_id: dict[str, OpenSocket] = {}
        self.draining = False
        self._of_user: Counter[int] = Counter()
        self._to_beat: deque[tuple[float, OpenSocket]] = deque()  # in order of time
        self._ticking: asyncio.Task[None] | None = None
        self._roll_call: RollCall | None = None

    def is_full(self, user_id: int) -> bool:
        return self._of_user[user_id] >= MOST_SOCKETS

    def add(self, socket: OpenSocket) -> None:
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())
            self._roll_call = RollCall(self.by_id)
            self._roll_call.begin()
            self._drain_on_signals(asyncio.get_running_loop())
        self.by_id[socket.id] = socket
        self._of_user[socket.identity.user_id] += 1
        self._to_beat.append((time.monotonic() + HEARTBEAT, socket))

    def remove(self, socket: OpenSocket) -> None:
        if self.by_id.pop(socket.id, None):
            self._of_user[socket.identity.user_id] -= 1

    def retry_after_ms(self) -> int:
        """When one of those that are sent away now should come again: they come one by one."""
        return random.randint(0, 250 + SPREAD_MS * len(self.by_id))

    async def drain(self) -> None:
        """Send all away, and wait until they have heard of it."""
        self.draining = True
        for socket in list(self.by_id.values()):
            socket.end(CloseCode.RESTART, "The server restarts.", self.retry_after_ms())
        until = time.monotonic() + DRAIN
        while self.by_id and time.monotonic() < until:
            await asyncio.sleep(0.02)
        if self._roll_call:
            await self._roll_call.end()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self._beat(time.monotonic())
            await self._end_the_stalled(time.monotonic())

    async def _beat(self, now: float) -> None:
        done = 0
        while self._to_beat and self._to_beat[0][0] <= now:
            _, socket = self._to_beat.popleft()
            if socket.is_open:
                socket.beat()
                self._to_beat.append((now + HEARTBEAT, socket))
            done += 1
            if done % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _end_the_stalled(self, now: float) -> None:
        for number, socket in enumerate(list(self.by_id.values())):
            if socket.stalled_since and now - socket.stalled_since > STALLED:
                socket.end(CloseCode.TOO_SLOW, "This tab does not keep up.")
            if number % (10 * AT_ONCE) == 0:
                await asyncio.sleep(0)

    def _drain_on_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Before the server's own handler of SIGTERM and SIGINT, which tells nobody.

        A second signal goes straight to the server. Outside a main thread nothing is set up: there
        the process that owns the thread decides when it ends.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if not callable(before):
                continue
            signal.signal(number, _Drain(self, loop, before))


class _Drain:
    """A signal handler that drains, then calls the one that was there before."""

    def __init__(self, sockets: Sockets, loop: asyncio.AbstractEventLoop, before: Any) -> None:
        self._sockets, self._loop, self._before = sockets, loop, before
        self._task: asyncio.Task[None] | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self._sockets.draining:
            self._before(number, None)
        else:
            self._sockets.draining = True
            self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        self._task = self._loop.create_task(self._drain(number))

    async def _drain(self, number: int) -> None:
        try:
            await self._sockets.drain()
        finally:
            self._before(number, None)


_sockets: dict[asyncio.AbstractEventLoop, Sockets] = {}


def sockets() -> Sockets:
    """This process's open sockets."""
    loop = asyncio.get_running_loop()
    if loop not in _sockets:
        _sockets[loop] = Sockets()
    return _sockets[loop]


def everywhere() -> list[OpenSocket]:
    """Those of all event loops of this process, to be looked at from any thread."""
    return [socket for these in list(_sockets.values()) for socket in list(these.by_id.values())]
