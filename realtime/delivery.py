"""Delivery of one user's stream to one socket: resume, live, and never more than a window ahead.

The outbox of a socket is the stretch of the stream between its position and the head. It is not
copied: the Feed holds the recent frames once for all tabs, the log the rest. What has been handed
to the ASGI server but not acknowledged is bounded, because the server itself buffers without end.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from redis import RedisError

from realtime.frames import Outbound, Resumed, Resync, encode
from realtime.hub import Feed
from realtime.log import Position, Trimmed

logger = logging.getLogger(__name__)

WINDOW_FRAMES, WINDOW_BYTES = 512, 256 * 1024
STALLED = 60.0  # seconds without an acknowledgement while the window is full
LOG_AWAY = 1.0  # seconds before the log is asked again

Send = Callable[[str], Awaitable[None]]


class TooSlow(Exception):
    """The client has acknowledged nothing for too long."""


class Delivery:
    """Runs as one task per socket; `wake` and `acknowledge` come from outside it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._awake = asyncio.Event()
        self._resumed = False
        self._position = Position("", 0)
        self._unacknowledged: deque[tuple[int, int]] = deque()  # (offset, bytes)
        self._unacknowledged_bytes = 0

    def wake(self) -> None:
        self._awake.set()

    def acknowledge(self, position: Position) -> None:
        """The client has applied everything up to a position."""
        if position.epoch != self._position.epoch:
            return
        while self._unacknowledged and self._unacknowledged[0][0] <= position.offset:
            self._unacknowledged_bytes -= self._unacknowledged.popleft()[1]
        self._awake.set()

    @property
    def is_current(self) -> bool:
        """Nothing is waiting for the client to catch up."""
        return not self._unacknowledged

    async def run(self, feed: Feed, cursor: Position | None) -> None:
        """Deliver for ever. `cursor` is what the client has, None for nothing but the future.

        Raises TooSlow.
        """
        self._position = cursor or feed.head
        target, replayed = feed.head, 0
        await self._same_history(feed)
        while True:
            self._awake.clear()
            if not self._resumed and self._position.offset >= target.offset:
                self._resumed = True
                await self._control(Resumed(id=str(self._position), replayed=replayed))
            if self._position == feed.head:
                await self._awake.wait()
            elif not await self._same_history(feed):
                continue
            elif self._has_room():
                replayed += await self._send_next(feed)
            else:
                await self._wait_for_room()

    async def _same_history(self, feed: Feed) -> bool:
        """False, with a resync sent, when the position is not one of the feed's epoch."""
        if self._position.epoch != feed.head.epoch:
            await self._resync(feed, "epoch")
        elif self._position.offset > feed.head.offset:
            await self._resync(feed, "ahead")
        else:
            return True
        return False

    async def _resync(self, feed: Feed, reason: str) -> None:
        self._resumed = True  # a resync stands in its place
        self._position = feed.head
        self._unacknowledged.clear()
        self._unacknowledged_bytes = 0
        await self._control(Resync(reason=reason, id=str(self._position)))  # type: ignore[arg-type]

    async def _send_next(self, feed: Feed) -> int:
        """Send what the window admits of the next frames; how many went."""
        position = self._position
        try:
            frames = await feed.after(position)
        except Trimmed:
            await self._resync(feed, "trimmed")
            return 0
        except (RedisError, OSError) as error:
            logger.warning("the log does not answer: %s", error)
            await asyncio.sleep(LOG_AWAY)
            return 0
        sent = 0
        for frame in frames:
            if not self._has_room():
                break
            sent += 1
            self._position = Position(position.epoch, position.offset + sent)
            self._unacknowledged.append((self._position.offset, len(frame)))
            self._unacknowledged_bytes += len(frame)
            await self._send(frame)
        return sent

    def _has_room(self) -> bool:
        return (
            len(self._unacknowledged) < WINDOW_FRAMES and self._unacknowledged_bytes < WINDOW_BYTES
        )

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(STALLED):
                while not self._has_room():
                    await self._awake.wait()
                    self._awake.clear()
        except TimeoutError:
            raise TooSlow from None

    async def _control(self, frame: Outbound) -> None:
        await self._send(encode(frame))
