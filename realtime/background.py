"""The one event loop of a worker, on a thread of its own: work that waits for others runs on it.

What blocks is done in a few threads, so that nobody waits for another; those for the database
are not those for the log, so that neither of them that is away holds up the other.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import uvloop
from django.db import InterfaceError, OperationalError, close_old_connections, connections

logger = logging.getLogger(__name__)

T = TypeVar("T")

AWAY_SECONDS = 60.0  # that a database may be away without an end to what is written
AGAIN_SECONDS = 0.5
CHECK_SECONDS = 0.2
# A thread that comes back from the database takes the interpreter from the busy loop after this
# time; a reply in chat that begins does so some fifteen times. Python's own 5 ms would be felt.
SWITCH_SECONDS = 0.0005

_rows = ThreadPoolExecutor(max_workers=8, thread_name_prefix="rows")
_stream = ThreadPoolExecutor(max_workers=4, thread_name_prefix="stream")
_starting = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    """Begun with the first work, not on import: a process that forks must not have it."""
    with _starting:
        if not _loops:
            sys.setswitchinterval(SWITCH_SECONDS)
            _loops.append(uvloop.new_event_loop())
            thread = threading.Thread(target=_loops[0].run_forever, name="loop", daemon=True)
            thread.start()
    return _loops[0]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do the work on the loop, and wait for it."""
    close_old_connections()  # the caller's would be one less for the others, all the while
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


def each(pieces: AsyncIterator[T], check: Callable[[], None]) -> Iterator[T]:
    """Pieces that are made on the loop. `check` is called at every one and, while none comes, five
    times a second; what it raises ends their making."""
    came: SimpleQueue[tuple[T, ...]] = SimpleQueue()  # an empty one ends it

    async def fetch() -> None:
        try:
            async for piece in pieces:
                came.put((piece,))
        finally:
            came.put(())

    making = asyncio.run_coroutine_threadsafe(fetch(), _loop())
    try:
        while piece := _next(came, check):
            check()
            yield piece[0]
        making.result()
    finally:
        making.cancel()


def _next(came: SimpleQueue[T], check: Callable[[], None]) -> T:
    while True:
        try:
            return came.get(timeout=CHECK_SECONDS)
        except Empty:
            check()


async def in_thread(call: Callable[..., T], *arguments: Any) -> T:
    """A call that needs the database, again and again while that is away for a minute: it must be
    one that can be made twice."""
    until = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return await _in(_rows, _with_database, call, arguments)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > until:
                raise
            logger.warning("the database does not answer: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)


async def in_stream(call: Callable[..., T], *arguments: Any) -> T:
    """A call that needs the log."""
    return await _in(_stream, call, *arguments)


async def _in(threads: ThreadPoolExecutor, call: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, call, *arguments)


def _with_database(call: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """The call's connection is given back afterwards."""
    close_old_connections()
    try:
        return call(*arguments)
    finally:
        connections.close_all()
