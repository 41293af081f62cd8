"""The far end of a socket, in tests of delivery."""

import asyncio
import json
from typing import Any

from realtime import log
from realtime.delivery import Delivery
from realtime.feed import Batch, Feed
from realtime.frames import text_of
from realtime.hub import Hub
from realtime.log import Position

USER = 7


class Tab:
    """Keeps what it was sent; acknowledges when told to."""

    def __init__(self, hub: Hub, user_id: int = USER) -> None:
        self.hub = hub
        self.user_id = user_id
        self.frames: list[dict[str, Any]] = []
        self.arrived = asyncio.Event()
        self.delivery = Delivery(self._receive, hub.replays)
        self.feed: Feed | None = None

    def _receive(self, batch: Batch) -> None:
        self.frames += [json.loads(text_of(frame)) for frame in batch.frames]
        self.arrived.set()

    async def open(self, cursor: str | None = None) -> "Tab":
        position = Position.parse(cursor) if cursor else None
        self.feed = await self.hub.join(self.user_id, self.delivery, position)
        self.delivery.start(self.feed, position)
        return self

    async def close(self) -> None:
        self.delivery.stop()
        if self.feed:
            await self.hub.leave(self.feed, self.delivery)

    @property
    def numbers(self) -> list[int]:
        return [frame["n"] for frame in self.frames if "n" in frame]

    async def has(self, count: int, within: float = 10) -> list[dict[str, Any]]:
        async with asyncio.timeout(within):
            while len(self.frames) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.frames


def say(*numbers: int, to: int = USER) -> list[str]:
    """Append events to a stream; their ids."""
    return [str(log.append(to, json.dumps({"n": number}).encode())) for number in numbers]
