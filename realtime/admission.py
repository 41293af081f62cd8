"""How many replays a web process does at once, and how long one may wait for its turn."""

import asyncio
import random

from realtime.metrics import REPLAYS_WAITING

AT_ONCE = 16
DEADLINE = 10.0  # seconds


class Overloaded(Exception):
    """Too many wait. `retry_after_ms` is when to come again."""

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__(f"too many replays; again in {retry_after_ms} ms")
        self.retry_after_ms = retry_after_ms


class Admission:
    """An async context that admits so many at once, in order; raises Overloaded past a deadline."""

    def __init__(self, at_once: int = AT_ONCE, deadline: float = DEADLINE) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._deadline = deadline

    async def __aenter__(self) -> None:
        try:
            with REPLAYS_WAITING.track_inprogress():
                async with asyncio.timeout(self._deadline):
                    await self._turns.acquire()
        except TimeoutError:
            raise Overloaded(round(self._deadline * 1000 * random.uniform(0.5, 1.5))) from None

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()
