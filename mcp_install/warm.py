"""Servers that were used stay for a while, with their connection, so that the next call waits for
neither. They live on the one loop of a worker.

What is kept is known by all that it was started with: after an upgrade, or a change of its host, it
is another one, and the old one goes when its last call is over.
"""

import asyncio
import uuid
from typing import Any

from mcp import Client
from mcp_types import CallToolResult

from mcp_install import results
from mcp_install.builds import Mark, Start, mark_of, start_of
from mcp_install.channel import Process
from mcp_install.connect import connected
from mcp_install.handshake import leaf, speaking, trouble_with
from mcp_install.mask import Masker
from mcp_install.troubles import Trouble
from realtime.background import in_thread

KEPT_SECONDS = 300.0
LAST_WORDS_SECONDS = 2.0  # for calls of a server that ended, to find out why
_kept: dict[uuid.UUID, "Warm"] = {}


async def call(
    owner_id: int,
    server_id: str,
    tool: str,
    arguments: dict[str, Any],
    seconds: float,
    build: str = "",
) -> dict[str, Any]:
    """Call a tool of a person's server, only if it is that build still: as `results.called`.
    Raises Trouble."""
    warm = await _warm(uuid.UUID(server_id), owner_id)
    if build and warm.start.launch.run != build:
        raise Trouble("server_changed")
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(seconds):
            result = await warm.call(tool, arguments, seconds)
    except TimeoutError:
        raise Trouble("tool_timeout", f"{tool}, {seconds:g} s") from None
    took = round((asyncio.get_running_loop().time() - began) * 1000)
    return results.called(result, warm.masker.whole, took)


async def _warm(server_id: uuid.UUID, owner_id: int) -> "Warm":
    """The server as it runs, or a new one. Raises Trouble."""
    mark = await in_thread(mark_of, server_id, owner_id)
    if not (there := _kept.get(server_id)) or not there.serves(mark):
        start = await in_thread(start_of, server_id, owner_id)
        there = _kept.get(server_id)  # somebody may have been faster
        if there is None or not there.serves(mark):
            if there is not None:
                there.end()
            there = _kept[server_id] = Warm(server_id, mark, start)
    return there


class Warm:
    """One server that runs. A task of its own holds it, as whoever opened it must close it."""

    def __init__(self, server_id: uuid.UUID, mark: Mark, start: Start) -> None:
        self.start = start
        self.masker = Masker(start.launch.secrets.values())
        self._id, self._mark = server_id, mark
        self._users = 0
        self._changed = asyncio.Event()
        self._is_unwanted = False
        self._opened: asyncio.Future[tuple[Client, Process]] = (
            asyncio.get_running_loop().create_future()
        )
        self._holding = asyncio.create_task(self._hold())

    def serves(self, mark: Mark) -> bool:
        """Is it there, and what would be started now?"""
        return self._mark == mark and not self._is_unwanted and not self._holding.done()

    def end(self) -> None:
        """Go, once the calls that are under way have ended."""
        self._is_unwanted = True
        self._changed.set()

    async def call(self, tool: str, arguments: dict[str, Any], seconds: float) -> CallToolResult:
        """Raises Trouble."""
        self._users += 1
        try:
            client, process = await asyncio.shield(self._opened)
            try:
                return await client.call_tool(tool, arguments, seconds)
            except (Exception, BaseExceptionGroup) as error:
                return await trouble_with(process, leaf(error))
        except Trouble as trouble:
            self._is_unwanted |= trouble.code != "tool_timeout"  # the next call is for a new one
            raise
        finally:
            self._users -= 1
            self._changed.set()

    async def _hold(self) -> None:
        try:
            async with (
                connected(self.start.login) as connection,
                speaking(connection, self.start.launch, self.start.spoken) as (client, process),
            ):
                self._opened.set_result((client, process))
                await self._while_wanted(process)
        except BaseException as error:
            if not self._opened.done():
                self._opened.set_exception(error)
                self._opened.exception()  # nobody may be waiting for it any more
            if not isinstance(error, Exception):
                raise
        finally:
            if _kept.get(self._id) is self:
                del _kept[self._id]

    async def _while_wanted(self, process: Process) -> None:
        """Until it ends, is replaced, or was not called for a while; and its last call is over."""
        ending = asyncio.create_task(process.ended())
        try:
            while not ending.done() and not (self._is_unwanted and not self._users):
                left = None if self._users else KEPT_SECONDS
                if not await self._something_happens(ending, left):
                    return
            if ending.done() and self._users:
                await asyncio.sleep(LAST_WORDS_SECONDS)
        finally:
            ending.cancel()

    async def _something_happens(self, ending: "asyncio.Task[None]", seconds: float | None) -> bool:
        self._changed.clear()
        changing = asyncio.create_task(self._changed.wait())
        both = {ending, changing}
        done, _ = await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        changing.cancel()
        return bool(done)
