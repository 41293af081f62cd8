"""Delivery of one user's stream to one socket: resume, live, and never more than a window ahead.

The outbox of a socket is the stretch of the stream between its position and the head. It is not
copied: the Feed holds the recent frames once for all tabs, the log the rest. What has been handed
to the server but not acknowledged is bounded, because the server itself buffers without end.

While a client keeps up, delivery is one write in the loop's turn in which events arrive. Only to
read the log it needs a task.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import UNSET
from redis import RedisError

from realtime.admission import Admission, Overloaded
from realtime.coalesce import coalesced
from realtime.feed import Batch, Feed, Mark, frame_of
from realtime.frames import Outbound, Resumed, Resync, ResyncReason, encode
from realtime.log import Entry, Position, Trimmed
from realtime.metrics import REPLAYED, RESUMES, RESYNCS

logger = logging.getLogger(__name__)

WINDOW_FRAMES, WINDOW_BYTES = 512, 256 * 1024
MOST_REPLAYED = 5_000
LOG_AWAY = 1.0  # seconds before the log is asked again


class Delivery:
    """One socket's place in a stream. `start`, then `wake` and `acknowledge`; `stop` at the end."""

    def __init__(self, write: Callable[[Batch], None], replays: Admission) -> None:
        self._write = write
        self._replays = replays
        self._feed: Feed | None = None
        self._epoch, self._offset = "", 0
        self._target, self._replayed, self._resumed = 0, 0, False
        self._resumes = RESUMES.labels("none")
        self._unacknowledged: deque[Mark] = deque()
        self._unacknowledged_bytes = 0
        self._is_lagging = False
        self._catching_up: asyncio.Task[None] | None = None
        self.stalled_since: float | None = None  # by the monotonic clock

    # --- What comes from outside ------------------------------------------------------------------
    def start(self, feed: Feed, cursor: Position | None) -> None:
        """Deliver from now on. `cursor` is what the client has, None for nothing but the future."""
        self._feed = feed
        position = cursor or feed.head
        self._resumes = RESUMES.labels("given" if cursor else "none")
        self._epoch, self._offset, self._target = position.epoch, position.offset, feed.head.offset
        if self._is_of_this_history() and self._target - self._offset > MOST_REPLAYED:
            self._resync("too_many")
        self.wake()

    def stop(self) -> None:
        self._feed = None
        if self._catching_up:
            self._catching_up.cancel()

    def wake(self) -> None:
        """Send what can be sent now."""
        feed = self._feed
        if feed is None or self._catching_up or not self._is_of_this_history():
            return
        while self._offset < feed.head.offset and self._has_room():
            batch = None if self._is_lagging else feed.after(self._offset)
            if batch is None:
                self._catching_up = asyncio.create_task(self._catch_up(feed))
                return
            self._send(batch)
        self._say_resumed()

    def acknowledge(self, position: Position) -> int:
        """The client has applied everything up to a position. How many frames are off our mind."""
        before, offset = len(self._unacknowledged), position.offset
        if position.epoch != self._epoch:
            return 0
        while self._unacknowledged and self._unacknowledged[0][0] <= offset:
            self._unacknowledged_bytes -= self._unacknowledged.popleft()[1]
        freed = before - len(self._unacknowledged)
        if freed and self.stalled_since:
            self.stalled_since = time.monotonic()
            if self._is_half_free():
                self.stalled_since = None
                self.wake()
        return freed

    @property
    def is_current(self) -> bool:
        """All that there is was sent."""
        return self._resumed and self._feed is not None and self._offset == self._feed.head.offset

    @property
    def outbox(self) -> tuple[int, int]:
        """How many events, and bytes, were sent and not acknowledged."""
        return len(self._unacknowledged), self._unacknowledged_bytes

    @property
    def lag(self) -> int:
        """How many events there are that were not acknowledged, or not even sent."""
        head = self._feed.head.offset if self._feed else self._offset
        return max(0, head - self._offset) + len(self._unacknowledged)

    # --- Sending ----------------------------------------------------------------------------------
    def _send(self, batch: Batch) -> None:
        room = WINDOW_FRAMES - len(self._unacknowledged)
        batch = batch.within(room, WINDOW_BYTES - self._unacknowledged_bytes)
        self._offset = batch.marks[-1][0]
        self._replayed += len(batch.marks)
        self._unacknowledged.extend(batch.marks)
        self._unacknowledged_bytes += batch.size
        self._write(batch)

    def _has_room(self) -> bool:
        if len(self._unacknowledged) < WINDOW_FRAMES and self._unacknowledged_bytes < WINDOW_BYTES:
            return True
        self._is_lagging = True
        if self.stalled_since is None:
            self.stalled_since = time.monotonic()
        return False

    def _is_half_free(self) -> bool:
        return (
            len(self._unacknowledged) <= WINDOW_FRAMES // 2
            and self._unacknowledged_bytes <= WINDOW_BYTES // 2
        )

    def _say_resumed(self) -> None:
        if not self._resumed and self._offset >= self._target:
            self._resumed = True
            self._resumes.inc()
            REPLAYED.inc(self._replayed)
            self._say(Resumed(id=f"{self._epoch}-{self._offset}", replayed=self._replayed))

    def _say(self, frame: Outbound) -> None:
        self._write(Batch([encode(frame)], ()))

    # --- When the recent frames are not enough ----------------------------------------------------
    def _is_of_this_history(self) -> bool:
        """False, with a resync sent, when the position is not one of the feed's epoch."""
        assert self._feed
        if self._epoch != self._feed.head.epoch:
            self._resync("epoch")
        elif self._offset > self._feed.head.offset:
            self._resync("ahead")
        else:
            return True
        return False

    def _resync(self, reason: ResyncReason, retry_after_ms: int | None = None) -> None:
        assert self._feed
        head = self._feed.head
        self._resumed = True  # a resync stands in its place
        self._epoch, self._offset, self._is_lagging = head.epoch, head.offset, False
        self._unacknowledged.clear()
        self._unacknowledged_bytes, self.stalled_since = 0, None
        RESYNCS.labels(reason).inc()
        self._say(Resync(reason=reason, id=str(head), retry_after_ms=retry_after_ms or UNSET))

    async def _catch_up(self, feed: Feed) -> None:
        """Read the log until the recent frames follow on, or the window is full."""
        try:
            while self._offset < feed.head.offset and self._has_room():
                position = Position(self._epoch, self._offset)
                try:
                    async with self._replays:
                        reading = await feed.read(position)
                except Trimmed:
                    return self._resync("trimmed")
                except Overloaded as overloaded:
                    return self._resync("overload", overloaded.retry_after_ms)
                except (RedisError, OSError) as error:
                    logger.warning("the log does not answer: %s", error)
                    await asyncio.sleep(LOG_AWAY)
                    continue
                if reading.head.epoch != self._epoch:
                    return
                if not reading.entries:
                    return self._resync("trimmed")
                self._send_entries(reading.entries)
                if self._offset == reading.head.offset:
                    self._is_lagging = False
                if not self._is_lagging and feed.after(self._offset):
                    return
        finally:
            self._catching_up = None
            if self._feed:
                asyncio.get_running_loop().call_soon(self.wake)

    def _send_entries(self, entries: Sequence[Entry]) -> None:
        frames, marks, previous = [], [], self._offset
        for entry in coalesced(entries) if self._is_lagging else entries:
            frames.append(frame_of(self._epoch, previous, entry.offset, entry.payload))
            marks.append((entry.offset, len(frames[-1])))
            previous = entry.offset
        self._send(Batch(frames, marks))
