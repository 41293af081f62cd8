"""The Hub: the one object in a web process that receives events and hands them to its sockets.

The process has one channel, and joins a user's channel-layer group with it while it has a socket of
that user. Announcements that arrive in one turn of the loop are kept in the user's Feed and then
delivered together. A socket is a position in the stream: it takes frames from the Feed, or from the
log when it is further behind. That one rule serves live delivery, resume, gaps and slow clients.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from channels.layers import get_channel_layer
from redis import RedisError

from realtime.admission import Admission
from realtime.feed import Feed, Socket
from realtime.log import AsyncLog, Position, group
from realtime.log_server import Layer
from realtime.metrics import GapSource

logger = logging.getLogger(__name__)

HEAD_CHECK = 10.0  # seconds; finds a lost last announcement
ON_ITS_WAY = 0.2  # seconds in which an announcement is not yet lost
PROBE = 0.1  # seconds before a group is joined again from which nothing came back
PROBE_EVERY, DEAF = 1.0, 3.0  # seconds between probes, and before one is taken for lost
JOIN = 10.0  # seconds that joining may take

Handler = Callable[[dict[str, Any]], None]


class Hub:
    """Belongs to one event loop; see the module's text."""

    def __init__(self) -> None:
        self._log = AsyncLog()
        self._feeds: dict[int, Feed] = {}
        self._joins: dict[int, asyncio.Task[None]] = {}
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._own_group = f"hub-{uuid.uuid4().hex}"  # joined last, so that it speaks for all
        self._handlers: dict[str, Handler] = {}
        self._probes: dict[str, asyncio.Event] = {}
        self._started = asyncio.Lock()
        self._membership = asyncio.Lock()  # leaving and joining again must not cross
        self._tasks: list[asyncio.Task[None]] = []
        self._fresh: set[Feed] = set()  # feeds with news since the last flush
        self.replays = Admission()

    # --- People's streams -------------------------------------------------------------------------
    async def join(self, user_id: int, socket: Socket, cursor: Position | None = None) -> Feed:
        """The user's feed, with its head known and everything after it certain to arrive.

        Raises RedisError, OSError or TimeoutError when the log or the layer is away.
        """
        await self._start()
        feed = self._feeds.get(user_id)
        if feed is None:
            feed = self._feeds[user_id] = Feed(user_id, self._log, self._flush_soon)
            self._joins[user_id] = asyncio.create_task(self._join(feed))
        feed.sockets.add(socket)
        try:
            if joining := self._joins.get(user_id):
                await asyncio.shield(joining)
            # One who comes from another process may be ahead of what was announced to this one.
            if cursor and (cursor.epoch != feed.head.epoch or cursor.offset > feed.head.offset):
                await feed.check_head()
        except BaseException:
            await self.leave(feed, socket)
            raise
        return feed

    async def leave(self, feed: Feed, socket: Socket) -> None:
        feed.sockets.discard(socket)
        if feed.user_id not in self._joins:
            await self._drop_if_idle(feed)

    async def _join(self, feed: Feed) -> None:
        try:
            await self._listen(group(feed.user_id))
            await feed.check_head()
        except BaseException:
            self._feeds.pop(feed.user_id)
            raise
        finally:
            del self._joins[feed.user_id]
        await self._drop_if_idle(feed)  # its sockets may have gone meanwhile

    async def _drop_if_idle(self, feed: Feed) -> None:
        async with self._membership:
            if not feed.sockets and self._feeds.get(feed.user_id) is feed:
                del self._feeds[feed.user_id]
                await self._discard(group(feed.user_id))

    def _flush_soon(self, feed: Feed) -> None:
        if not self._fresh:
            asyncio.get_running_loop().call_soon(self._flush)
        self._fresh.add(feed)

    def _flush(self) -> None:
        feeds, self._fresh = self._fresh, set()
        for feed in feeds:
            feed.wake()

    # --- Other groups -----------------------------------------------------------------------------
    async def listen(self, name: str, handler: Handler) -> None:
        """Hand messages with `"group": name` to a handler; returns once they are sure to arrive."""
        await self._start()
        self._handlers[name] = handler
        await self._listen(name)

    async def unlisten(self, name: str) -> None:
        async with self._membership:
            if self._handlers.pop(name, None):
                await self._discard(name)

    async def _discard(self, name: str) -> None:
        with suppress(RedisError, OSError):  # what still arrives then is of nobody
            await self._layer.group_discard(name, self._channel)

    # --- The process's channel --------------------------------------------------------------------
    async def close(self) -> None:
        """Stop listening."""
        waiting = set(self._tasks)
        while waiting:
            for task in waiting:
                task.cancel()
            # redis-py swallows a cancellation that comes while it connects again: then once more.
            _, waiting = await asyncio.wait(waiting, timeout=0.5)
        await self._log.close()
        await self._layer.flush()

    async def _start(self) -> None:
        async with self._started:
            if not self._tasks:
                self._channel = await self._layer.new_channel()
                self._inbox = self._layer.channels[self._channel]
                self._tasks = [
                    asyncio.create_task(self._receive()),
                    asyncio.create_task(self._watch()),
                ]
                await self._listen(self._own_group)

    async def _listen(self, name: str) -> None:
        """Join the group and wait until the subscription is known to work: a probe came back."""
        async with asyncio.timeout(JOIN):
            while True:
                # The layer does not try again on a connection that the server has closed.
                with suppress(RedisError, OSError):
                    async with self._membership:
                        await self._layer.group_add(name, self._channel)
                    if await self._hears(name, PROBE):
                        return
                await asyncio.sleep(PROBE / 10)

    async def _hears(self, name: str, within: float) -> bool:
        """Does what the log's server announces to a group come back?"""
        nonce = uuid.uuid4().hex
        arrived = self._probes[nonce] = asyncio.Event()
        try:
            probe = {"type": "hub.probe", "nonce": nonce}
            await self._log.announce(name, self._layer.serialize(probe))
            async with asyncio.timeout(within):
                await arrived.wait()
        except TimeoutError:
            return False
        finally:
            del self._probes[nonce]
        return True

    async def _renew(self) -> None:
        """Subscribe anew, on another connection: this one may lead to a server that is gone."""
        logger.warning("announcements do not arrive; subscribing anew")
        async with self._membership, asyncio.timeout(JOIN):
            try:
                await self._layer.flush()
            finally:
                self._layer.channels[self._channel] = self._inbox
            for name in (*map(group, self._feeds), *self._handlers):
                await self._layer.group_add(name, self._channel)
        await self._listen(self._own_group)

    async def _receive(self) -> None:
        while True:
            try:
                self._dispatch(self._layer.deserialize(await self._inbox.get()))
                if self._inbox.empty():
                    self._flush()  # not in the next turn: nothing more came in this one
            except Exception:
                logger.exception("an announcement could not be handled")
                await asyncio.sleep(0.1)

    def _dispatch(self, message: dict[str, Any]) -> None:
        if (user := message.get("user")) is not None:
            if feed := self._feeds.get(int(user)):
                payload = message["payload"]
                payload = payload if isinstance(payload, bytes) else payload.encode()
                feed.announced(message["epoch"], message["offset"], payload, message["at"])
        elif message["type"] == "hub.probe":
            if probe := self._probes.get(message["nonce"]):
                probe.set()
        elif handler := self._handlers.get(message.get("group", "")):
            handler(message)

    async def _watch(self) -> None:
        """Is there anything that was not announced to us? Looks every few seconds, and whenever
        the line to the log's server has been down."""
        checked_at, connections, is_well = time.monotonic(), Layer.connections, True
        while True:
            await asyncio.sleep(PROBE_EVERY)
            try:
                if connections != Layer.connections:
                    connections, is_well = Layer.connections, False
                if not await self._hears(self._own_group, DEAF):
                    is_well = False
                    await self._renew()
                if not is_well:
                    await self._find_gaps("reconnect")
                elif time.monotonic() - checked_at >= HEAD_CHECK:
                    await self._find_gaps("head_check")
                    checked_at = time.monotonic()
                is_well = True
            except (RedisError, OSError) as error:
                if is_well:
                    logger.warning("the log does not answer: %s", error)
                is_well = False

    async def _find_gaps(self, source: GapSource) -> None:
        behind = [(feed, await feed.unheard()) for feed in list(self._feeds.values())]
        if any(head for _, head in behind):
            await asyncio.sleep(ON_ITS_WAY)
        for feed, head in behind:
            if head and feed.lacks(head):
                await feed.check_head(source)


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """This process's Hub."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
