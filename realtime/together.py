"""Questions to the database that come while others are being answered are asked together next, so
that a storm of them costs a few queries."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from typing import Generic, TypeVar

MOST_AT_ONCE = 500

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Belongs to one event loop. `answer` runs in the threads, and may leave questions open."""

    def __init__(
        self, answer: Callable[[list[Q]], Mapping[Q, A]], threads: Executor, seconds: float
    ) -> None:
        self._answer, self._threads, self._seconds = answer, threads, seconds
        self._waiting: dict[Q, asyncio.Future[A | None]] = {}
        self._working: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A | None:
        """Raises what `answer` raises, or TimeoutError."""
        if question not in self._waiting:
            self._waiting[question] = asyncio.get_running_loop().create_future()
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        # Others may wait for the same answer.
        return await asyncio.shield(self._waiting[question])

    async def _work(self) -> None:
        try:
            while self._waiting:
                now = list(self._waiting)[:MOST_AT_ONCE]
                await self._ask({question: self._waiting.pop(question) for question in now})
        finally:
            self._working = None

    async def _ask(self, batch: dict[Q, "asyncio.Future[A | None]"]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                answers = await loop.run_in_executor(self._threads, self._answer, list(batch))
        except Exception as error:
            for waiting in batch.values():
                waiting.set_exception(error)
                with suppress(Exception):
                    waiting.exception()  # seen, also when nobody waits for it any more
        else:
            for question, waiting in batch.items():
                waiting.set_result(answers.get(question))
