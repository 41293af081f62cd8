"""The Hub: the one object in a web process that receives events and hands them to its sockets.

The process has one channel, and joins a user's channel-layer group with it while it has a socket of
that user. Each announcement is encoded once into a frame and kept in the user's Feed for a moment.
A socket is a position in the stream: it takes frames from the Feed, or from the log when it is
further behind. That one rule serves live delivery, resume, gaps and slow clients alike.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from channels.layers import get_channel_layer
from redis import RedisError

from realtime.log import AsyncLog, Position, group

logger = logging.getLogger(__name__)

HEAD_CHECK = 10.0  # seconds; finds a lost last announcement
RECENT_FRAMES, RECENT_BYTES = 512, 256 * 1024
READ_COUNT = 128


class Socket(Protocol):
    """What the Hub knows of a socket."""

    def wake(self) -> None:
        """There is something after your position, or a new epoch."""


def frame_of(position: Position, payload: bytes) -> str:
    """The payload with its id, and the id before it."""
    before = Position(position.epoch, position.offset - 1)
    return f'{{"id":"{position}","prev":"{before}",' + payload[1:].decode()


class Feed:
    """One user's stream as this process sees it: its head, and the frames just before it."""

    def __init__(self, user_id: int, log: AsyncLog) -> None:
        self.user_id = user_id
        self.sockets: set[Socket] = set()
        self.joined: asyncio.Task[None] | None = None
        self.head = Position("", 0)
        self._log = log
        self._recent: deque[str] = deque()  # the frames up to and with the head's
        self._recent_bytes = 0

    def announced(self, position: Position, payload: bytes) -> None:
        """An event was appended. One that we have is ignored; a gap is read from the log."""
        if position.epoch == self.head.epoch and position.offset <= self.head.offset:
            return
        if position != Position(self.head.epoch, self.head.offset + 1):
            self._forget()
        self._recent.append(frame := frame_of(position, payload))
        self._recent_bytes += len(frame)
        while len(self._recent) > RECENT_FRAMES or self._recent_bytes > RECENT_BYTES:
            self._recent_bytes -= len(self._recent.popleft())
        self.head = position
        self._wake()

    def moved(self, head: Position) -> None:
        """The log's head, as just read from it."""
        if head.epoch != self.head.epoch or head.offset > self.head.offset:
            self._forget()
            self.head = head
            self._wake()

    async def after(self, position: Position) -> Sequence[str]:
        """The next frames after a position of the current epoch. Raises log.Trimmed, RedisError."""
        missing = self.head.offset - position.offset
        if missing <= len(self._recent):
            return [self._recent[index] for index in range(-missing, 0)]
        reading = await self._log.read(self.user_id, position, READ_COUNT)
        self.moved(reading.head)
        return [
            frame_of(Position(position.epoch, reading.first + index), payload)
            for index, payload in enumerate(reading.payloads)
        ]

    async def check_head(self) -> None:
        self.moved(await self._log.head(self.user_id))

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_bytes = 0

    def _wake(self) -> None:
        for socket in self.sockets:
            socket.wake()


class Hub:
    """Belongs to one event loop; see the module's text."""

    def __init__(self) -> None:
        self._log = AsyncLog()
        self._feeds: dict[int, Feed] = {}
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._probes: dict[str, asyncio.Event] = {}
        self._started = asyncio.Lock()
        self._membership = asyncio.Lock()  # leaving and joining again must not cross
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, user_id: int, socket: Socket) -> Feed:
        """The user's feed, with its head known and everything after it certain to arrive."""
        await self._start()
        feed = self._feeds.get(user_id)
        if feed is None:
            feed = self._feeds[user_id] = Feed(user_id, self._log)
            feed.joined = asyncio.create_task(self._listen(feed))
        feed.sockets.add(socket)
        try:
            if feed.joined:
                await asyncio.shield(feed.joined)
            await feed.check_head()
        except BaseException:
            await self.leave(feed, socket)
            raise
        return feed

    async def leave(self, feed: Feed, socket: Socket) -> None:
        feed.sockets.discard(socket)
        async with self._membership:
            if not feed.sockets and self._feeds.get(feed.user_id) is feed:
                del self._feeds[feed.user_id]
                await self._layer.group_discard(group(feed.user_id), self._channel)

    async def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._log.close()
        await self._layer.flush()

    async def _start(self) -> None:
        async with self._started:
            if not self._tasks:
                self._channel = await self._layer.new_channel()
                self._tasks = [
                    asyncio.create_task(self._receive()),
                    asyncio.create_task(self._check_heads()),
                ]

    async def _listen(self, feed: Feed) -> None:
        """Join the group and wait until the subscription is known to work: a probe came back."""
        name, nonce = group(feed.user_id), uuid.uuid4().hex
        arrived = self._probes[nonce] = asyncio.Event()
        try:
            async with asyncio.timeout(10):
                while not arrived.is_set():
                    # The layer does not try again on a connection that the server has closed.
                    with suppress(RedisError, OSError):
                        async with self._membership:
                            await self._layer.group_add(name, self._channel)
                        await self._layer.group_send(name, {"type": "hub.probe", "nonce": nonce})
                    with suppress(TimeoutError):
                        await asyncio.wait_for(arrived.wait(), 0.1)
        except BaseException:
            if self._feeds.get(feed.user_id) is feed:
                del self._feeds[feed.user_id]
            raise
        finally:
            del self._probes[nonce]

    async def _receive(self) -> None:
        while True:
            try:
                message = await self._layer.receive(self._channel)
                self._dispatch(message)
            except Exception:
                logger.exception("an announcement could not be handled")
                await asyncio.sleep(0.1)

    def _dispatch(self, message: dict[str, Any]) -> None:
        if message["type"] == "hub.probe":
            if probe := self._probes.get(message["nonce"]):
                probe.set()
        elif feed := self._feeds.get(int(message["user"])):
            payload = message["payload"]
            position = Position(message["epoch"], int(message["offset"]))
            feed.announced(position, payload if isinstance(payload, bytes) else payload.encode())

    async def _check_heads(self) -> None:
        while True:
            await asyncio.sleep(HEAD_CHECK)
            for feed in list(self._feeds.values()):
                try:
                    await feed.check_head()
                except (RedisError, OSError) as error:
                    logger.warning("the log does not answer: %s", error)
                    break


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """This process's Hub."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
