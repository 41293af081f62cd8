"""Connections that stay open for a while, so that looking around on a host does not sign in anew
with every look. They live on the one loop of a worker.

A connection is known by everything that it was made with: another password, key or host key is
another connection. An OpenSSH server takes ten channels on one; we use eight.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import asyncssh

from mcp_install.connect import Connection, connected
from mcp_install.login import Login
from mcp_install.troubles import Trouble

KEPT_SECONDS = 90.0
CHANNELS = 8
_lines: dict[Login, "Line"] = {}


class Line:
    """A connection to a host, opened when it is first used, and again when it was lost.

    `kept` is for what its users want to find again while it lasts.
    """

    def __init__(self, login: Login) -> None:
        self.login = login
        self.users = 0
        self.channels = asyncio.Semaphore(CHANNELS)
        self.kept: dict[Any, Any] = {}
        self.closing: asyncio.TimerHandle | None = None
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._connection: Connection | None = None
        self._sftp: asyncssh.SFTPClient | None = None

    async def connection(self) -> Connection:
        """Raises Trouble."""
        async with self._opening:
            if self._connection is None or self._connection.is_closed():
                await self.close()
                self._connection = await self._stack.enter_async_context(connected(self.login))
            return self._connection

    async def sftp(self) -> asyncssh.SFTPClient:
        """File transfer, with paths as bytes: names need not be UTF-8. Raises Trouble."""
        connection = await self.connection()
        async with self._opening:
            if self._sftp is None:
                try:
                    self._sftp = await connection.start_sftp_client(path_encoding=None)
                except (asyncssh.ChannelOpenError, asyncssh.SFTPError):
                    raise Trouble("no_sftp") from None
                except (asyncssh.Error, OSError):
                    raise Trouble("connection_lost") from None
            return self._sftp

    async def close(self) -> None:
        stack, self._stack = self._stack, AsyncExitStack()
        self._connection = self._sftp = None
        self.kept.clear()
        with suppress(Exception):  # whatever it dies of, it is gone
            await stack.aclose()


@asynccontextmanager
async def borrowed(login: Login) -> AsyncIterator[Line]:
    """The connection for this login, with a channel of it. It is kept for a while afterwards."""
    line = _lines.setdefault(login, Line(login))
    line.users += 1
    if line.closing:
        line.closing.cancel()
        line.closing = None
    try:
        async with line.channels:
            yield line
    finally:
        line.users -= 1
        if not line.users:
            loop = asyncio.get_running_loop()
            line.closing = loop.call_later(KEPT_SECONDS, _end, line)


_ending: set["asyncio.Task[None]"] = set()  # referenced, or they would be collected


def _end(line: Line) -> None:
    if _lines.get(line.login) is line:
        del _lines[line.login]
    task = asyncio.get_running_loop().create_task(line.close())
    _ending.add(task)
    task.add_done_callback(_ending.discard)
