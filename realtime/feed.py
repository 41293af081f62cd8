"""One user's stream as a web process sees it: its head, and the frames just before it.

The frames are encoded once and shared by all tabs: each is a complete WebSocket frame, as a server
sends it. Tabs at the same place, which is most of them, share even the batch they are sent.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

from realtime.frames import text_frame
from realtime.log import AsyncLog, Position, Reading
from realtime.metrics import APPEND_TO_SOCKET, GAPS, GapSource

RECENT_FRAMES, RECENT_BYTES = 512, 256 * 1024
READ_COUNT = 128

Mark = tuple[int, int]  # the offset of a frame, and its bytes


class Socket(Protocol):
    """What a Feed knows of a socket."""

    def wake(self) -> None:
        """There may be something after your position, or a new epoch."""


class Batch:
    """Frames that follow one another, and their marks."""

    def __init__(self, frames: Sequence[bytes], marks: Sequence[Mark]) -> None:
        self.frames = frames
        self.marks = marks

    @cached_property
    def joined(self) -> bytes:
        return b"".join(self.frames)

    @cached_property
    def size(self) -> int:
        """In bytes."""
        return sum(size for _, size in self.marks)

    def within(self, frames: int, size: int) -> "Batch":
        """As much of the beginning as makes up a number of frames or passes a size."""
        if len(self.frames) <= frames and self.size <= size:
            return self
        count = 0
        for _, of_one in self.marks[:frames]:
            if size <= 0:
                break
            size -= of_one
            count += 1
        return Batch(self.frames[:count], self.marks[:count])


def frame_of(epoch: str, previous: int, offset: int, payload: bytes) -> bytes:
    """The payload with its id, and the id sent before it."""
    head = f'{{"id":"{epoch}-{offset}","prev":"{epoch}-{previous}",'
    return text_frame(head.encode() + payload[1:])


class Feed:
    def __init__(self, user_id: int, log: AsyncLog, flush_soon: Callable[["Feed"], None]) -> None:
        self.user_id = user_id
        self.sockets: set[Socket] = set()
        self.head = Position("", 0)
        self._log = log
        self._flush_soon = flush_soon
        self._frames: list[bytes] = []  # up to and with the head's
        self._marks: list[Mark] = []
        self._bytes = 0
        self._batches: dict[int, Batch] = {}  # by the offset before them, up to the head
        self._appended: list[float] = []  # when those were that sockets have not been sent yet

    def announced(self, epoch: str, offset: int, payload: bytes, at: float) -> None:
        """An event was appended. One that we have is ignored; a gap is read from the log."""
        if epoch == self.head.epoch:
            if offset <= self.head.offset:
                return
            if offset != self.head.offset + 1:
                GAPS.labels("announcement").inc()
                self._forget()
        else:
            self._forget()
        frame = frame_of(epoch, offset - 1, offset, payload)
        self._frames.append(frame)
        self._marks.append((offset, len(frame)))
        self._bytes += len(frame)
        if len(self._frames) > RECENT_FRAMES or self._bytes > RECENT_BYTES:
            self._shorten()
        self.head = Position(epoch, offset)
        self._appended.append(at)
        self._batches.clear()
        self._flush_soon(self)

    def moved(self, head: Position) -> bool:
        """The log's head, as just read from it. True if we had not heard of it."""
        if not self.lacks(head):
            return False
        self._forget()
        self.head = head
        self._flush_soon(self)
        return True

    def after(self, offset: int) -> Batch | None:
        """The frames after an offset of this epoch up to the head, if all are still here."""
        batch = self._batches.get(offset)
        if batch is None:
            missing = self.head.offset - offset
            if not 0 < missing <= len(self._frames):
                return None
            batch = Batch(self._frames[-missing:], self._marks[-missing:])
            self._batches[offset] = batch
        return batch

    async def read(self, position: Position) -> Reading:
        """The next entries from the log. Raises log.Trimmed, RedisError, OSError."""
        reading = await self._log.read(self.user_id, position, READ_COUNT)
        self.moved(reading.head)
        return reading

    async def check_head(self, source: GapSource | None = None) -> bool:
        """Look at the log. True if something had not been announced to us; that is a gap where a
        source is named."""
        moved = self.moved(await self._log.head(self.user_id))
        if moved and source:
            GAPS.labels(source).inc()
        return moved

    async def unheard(self) -> Position | None:
        """The log's head, when it is further than what was announced to us so far."""
        head = await self._log.head(self.user_id)
        return head if self.lacks(head) else None

    def lacks(self, head: Position) -> bool:
        return head.epoch != self.head.epoch or head.offset > self.head.offset

    def wake(self) -> None:
        for socket in tuple(self.sockets):
            socket.wake()
        for at in self._appended:
            APPEND_TO_SOCKET.observe(self._log.clock.since(at))
        self._appended.clear()

    def _shorten(self) -> None:
        """Leave out the oldest, some more than needed: a list moves all the rest."""
        gone = 0
        while len(self._frames) - gone > RECENT_FRAMES * 3 // 4 or self._bytes > RECENT_BYTES:
            self._bytes -= len(self._frames[gone])
            gone += 1
        del self._frames[:gone], self._marks[:gone]

    def _forget(self) -> None:
        self._frames, self._marks, self._bytes = [], [], 0
        self._batches.clear()
