"""A long command on a host, whose output is wanted as it comes.

With a terminal its programs print at once, draw bars, and are hung up on when the connection goes.
Where a host gives no terminal, the script is told to end itself when nobody listens any more.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncssh

from mcp_install.connect import Connection
from mcp_install.troubles import Trouble

COLUMNS, LINES = 120, 32
HEAR = 16 * 1024  # bytes
# asyncssh lets a host send a whole window more with each bit that is taken from what it keeps, so
# all of that, two windows at most, is taken at once.
WINDOW = 64 * 1024
READ = 4 * WINDOW
OPEN_SECONDS = 15


class NoTerminal(Exception):
    """The host gave none; it may have hung up over it."""


@dataclass(frozen=True)
class Limits:
    """Seconds: in all, and without a word."""

    whole: float
    idle: float


async def listen(
    connection: Connection,
    line: str,
    hear: Callable[[bytes], Awaitable[None]],
    limits: Limits,
    *,
    has_terminal: bool,
) -> int | None:
    """Run a line of `shell.command` to its end; its status, None when a signal ended it.

    `hear` is given each piece of output, and is waited for: the host waits with it. Raises Trouble,
    and NoTerminal.
    """
    try:
        async with (
            asyncio.timeout(limits.whole),
            _opened(connection, line, has_terminal) as process,
        ):
            while data := await _next(process, limits.idle):
                for begin in range(0, len(data), HEAR):
                    await hear(data[begin : begin + HEAR])
            await process.wait_closed()
            if process.exit_status is None and process.exit_signal is None:
                raise Trouble("connection_lost")
            status: int | None = process.exit_status
            return status
    except TimeoutError:
        raise Trouble("run_timeout", f"it took longer than {limits.whole:g} s") from None
    except asyncssh.ChannelOpenError as error:
        raise Trouble("ssh_error", f"the host runs no commands: {error.reason}") from None
    except (asyncssh.Error, OSError):
        raise Trouble("connection_lost") from None


async def _next(process: Any, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            piece: bytes = await process.stdout.read(READ)
            return piece
    except TimeoutError:
        raise Trouble("idle_timeout", f"nothing came for {seconds:g} s") from None


@asynccontextmanager
async def _opened(connection: Connection, line: str, has_terminal: bool) -> AsyncIterator[Any]:
    options: dict[str, Any] = {"encoding": None, "window": WINDOW, "stderr": asyncssh.STDOUT}
    if has_terminal:
        options |= {"term_type": "xterm-256color", "term_size": (COLUMNS, LINES)}
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            process = await connection.create_process(line, **options)
    except (asyncssh.Error, OSError) as error:
        if has_terminal and not isinstance(error, TimeoutError):
            raise NoTerminal from error
        raise
    try:
        yield process
    finally:
        process.close()
