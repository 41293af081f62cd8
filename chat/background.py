"""The one event loop of a worker, on a thread of its own: replies run on it, however many.

What blocks (the database, the log) is done in a few threads, so that no reply waits for another's.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from django.db import close_old_connections, connections

T = TypeVar("T")

_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="replies")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="replies", daemon=True).start()
    return loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do the work on the loop, and wait for it."""
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


async def in_thread(call: Callable[..., T], *arguments: Any) -> T:
    """A call that blocks, with a database connection that is given back afterwards."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _closing, call, arguments)


def _closing(call: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    close_old_connections()
    try:
        return call(*arguments)
    finally:
        connections.close_all()
