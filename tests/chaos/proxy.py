"""A TCP proxy of the tests' own: passes on, and on command cuts, delays, goes dark, or loses what
a subscription to Valkey announces."""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from tests.chaos.resp import announced, end_of_reply

PIECE = 64 * 1024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is an RST
T = TypeVar("T")

Address = tuple[str, int]
Writer = asyncio.StreamWriter


class Link:
    """One connection through the proxy."""

    def __init__(self, near: Writer, far: Writer) -> None:
        self.near, self.far = near, far
        self.is_subscription = False
        self.lit = asyncio.Event()
        self.lit.set()
        self.partial = b""

    def cut(self) -> None:
        for end in (self.near, self.far):
            with suppress(OSError):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.transport.abort()


class Proxy:
    """Runs in a thread of its own; the methods may be called from any other."""

    def __init__(self, upstream: Callable[[], Address]) -> None:
        self.upstream = upstream
        self.delay = 0.0  # seconds that each piece takes longer, each way
        self.loss = 0.0  # share of the announcements that are lost
        self.refusing = False
        self.lost: list[str] = []  # ids of the events whose announcement was lost
        self._links: set[Link] = set()
        self._dark = False
        self._random = random.Random(15)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self._do(self._listen())

    def cut(self) -> int:
        """Reset all connections; how many there were."""
        return self._do(self._cut())

    def darken(self) -> None:
        """Nothing passes any more, on no connection, old or new; nobody is told."""
        self._do(self._darken(lambda _: True, also_new=True))

    def darken_subscriptions(self) -> None:
        """Nothing passes on the subscriptions that there are; what connects anew is well."""
        self._do(self._darken(lambda link: link.is_subscription, also_new=False))

    def light(self) -> None:
        """What was held passes on."""
        self._do(self._light())

    def close(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def far_ports(self) -> set[int]:
        """Where our connections to the other side begin."""
        return {link.far.get_extra_info("sockname")[1] for link in list(self._links)}

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    # --- In the loop --------------------------------------------------------------------------
    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    async def _cut(self) -> int:
        links = list(self._links)
        for link in links:
            link.cut()
        return len(links)

    async def _darken(self, which: Callable[[Link], bool], *, also_new: bool) -> None:
        self._dark = also_new
        for link in filter(which, self._links):
            link.lit.clear()

    async def _light(self) -> None:
        self._dark = False
        for link in self._links:
            link.lit.set()

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, near_reader: asyncio.StreamReader, near: Writer) -> None:
        try:
            if self.refusing:
                raise ConnectionRefusedError
            far_reader, far = await asyncio.open_connection(*self.upstream())
        except OSError:
            near.transport.abort()
            return
        link = Link(near, far)
        if self._dark:
            link.lit.clear()
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pump(link, near_reader, far, self._up))
                ways.create_task(self._pump(link, far_reader, near, self._down))
        except* OSError:
            pass
        finally:
            near.close()  # after what was written, unless it was cut
            far.close()
            self._links.discard(link)

    async def _pump(
        self,
        link: Link,
        reader: asyncio.StreamReader,
        writer: Writer,
        passing: Callable[[Link, bytes], bytes],
    ) -> None:
        """Ends with an OSError, which ends the other way too."""
        while data := await reader.read(PIECE):
            if self.delay:
                await asyncio.sleep(self.delay)
            await link.lit.wait()
            writer.write(passing(link, data))
            await writer.drain()
        await link.lit.wait()
        raise ConnectionResetError

    def _up(self, link: Link, data: bytes) -> bytes:
        if b"SUBSCRIBE\r\n" in data:
            link.is_subscription = True
        return data

    def _down(self, link: Link, data: bytes) -> bytes:
        """Without the announcements that are lost."""
        if not link.is_subscription:
            return data
        data, kept, start = link.partial + data, [], 0
        while (end := end_of_reply(data, start)) is not None:
            reply, start = data[start:end], end
            event = announced(reply) if self.loss else None
            if event and self._random.random() < self.loss:
                self.lost.append(event)
            else:
                kept.append(reply)
        link.partial = data[start:]
        return b"".join(kept)
