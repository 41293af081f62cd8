"""A server's process on a host, and MCP over its input and output: a line is a message.

The channel has no terminal: that would change what passes through. What the server prints besides
is passed over, within limits, and its last errors are kept for whoever asks why it failed.
"""

import asyncio
import codecs
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import asyncssh
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from mcp_install.connect import Connection
from mcp_install.launch import Launch
from mcp_install.mask import Masker
from mcp_install.shell import WINDOW
from mcp_install.troubles import Trouble

MOST_MESSAGE = 8 * 1024 * 1024  # bytes
MOST_JUNK = 200  # lines in a row that are no messages
MOST_SAID = 16 * 1024  # characters of errors that are kept
PIECE = 64 * 1024
OPEN_SECONDS = 10
LAST_WORDS_SECONDS = 1.0  # for errors and exit status to come, once the output has ended
Streams = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
]


class Process:
    """One that runs on the host. `trouble` is what made us give it up, if we did."""

    def __init__(self, launch: Launch, connection: Connection, process: Any) -> None:
        self.launch = launch
        self._connection = connection
        self.trouble: Trouble | None = None
        self._process = process
        self._said = ""
        self._masker = Masker(launch.secrets.values())
        self._hearing = asyncio.create_task(self._hear())

    @property
    def has_ended(self) -> bool:
        return bool(self._process.stdout.at_eof() or self._process.channel.is_closing())

    @property
    def is_cut_off(self) -> bool:
        return self._connection.is_closed()

    async def ended(self) -> None:
        """Wait for its end, or that of the connection."""
        await asyncio.shield(self._hearing)

    async def read(self) -> bytes:
        """What it has printed; nothing at the end."""
        piece: bytes = await self._process.stdout.read(PIECE)
        return piece

    async def write(self, data: bytes) -> None:
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    def note(self, line: bytes) -> None:
        """Keep a whole line that it printed besides."""
        self._keep(self.launch.masked(line.decode("utf-8", "replace")) + "\n")

    def _keep(self, text: str) -> None:
        """What is masked already: a secret that is cut in two would not be found any more."""
        self._said = (self._said + text)[-MOST_SAID:]

    def said(self) -> str:
        """Its last words, without secrets, and without what would move a cursor."""
        self._keep(self._masker.end())
        text = self._said.replace("\r\n", "\n")
        return "".join(c for c in text if c in "\n\t" or c.isprintable()).strip()

    def why(self) -> str:
        """Why it failed, in a line: its last words, or its exit status."""
        if lines := [line for line in self.said().splitlines() if line.strip()]:
            return " ".join(" ".join(lines[-3:]).split())[-300:]
        status = self._process.exit_status
        if status is not None and status >= 0:
            return f"it ended with exit status {status}"
        return "it ended" if self.has_ended else ""

    async def last_words(self) -> None:
        """Wait a moment for what it says as it ends."""
        with suppress(TimeoutError, asyncssh.Error, OSError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                self._process.stdin.write_eof()
                await self._process.wait_closed()
                await self._hearing

    async def _hear(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with suppress(asyncssh.Error, OSError):
            while piece := await self._process.stderr.read(PIECE):
                self._keep(self._masker.feed(decoder.decode(piece)))

    def close(self) -> None:
        """Its input ends; what is left of it then is killed on the host."""
        self._process.close()
        self._hearing.cancel()


@asynccontextmanager
async def started(connection: Connection, launch: Launch) -> AsyncIterator[Process]:
    """The server's process, over at the end. Raises Trouble."""
    line, secrets = launch.start()
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            opened: Any = await connection.create_process(line, encoding=None, window=WINDOW)
    except TimeoutError:
        raise Trouble("timeout", "no command could be started") from None
    except asyncssh.ChannelOpenError as error:
        raise Trouble("ssh_error", f"the host runs no commands: {error.reason}") from None
    except (asyncssh.Error, OSError):
        raise Trouble("connection_lost") from None
    process = Process(launch, connection, opened)
    try:
        opened.stdin.write(secrets)
        yield process
    finally:
        process.close()


@asynccontextmanager
async def stdio(process: Process) -> AsyncIterator[Streams]:
    """A transport for the SDK's client."""
    incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_receive, process, incoming)
        tasks.start_soon(_send, process, outgoing, incoming)
        try:
            yield read, write
        finally:
            tasks.cancel_scope.cancel()
            for stream in (incoming, read, write, outgoing):
                stream.close()


async def _receive(
    process: Process, incoming: MemoryObjectSendStream[SessionMessage | Exception]
) -> None:
    """Until its output ends, or is not to be borne: the client sees the end either way."""
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
        try:
            await _messages(process, incoming)
        except Trouble as trouble:
            process.trouble = trouble
        except (asyncssh.Error, OSError):
            process.trouble = Trouble("connection_lost")
        finally:
            incoming.close()


async def _messages(
    process: Process, incoming: MemoryObjectSendStream[SessionMessage | Exception]
) -> None:
    rest, junk = bytearray(), 0
    while piece := await process.read():
        searched = len(rest)
        rest += piece
        if piece.find(b"\n") < 0 and len(rest) <= MOST_MESSAGE:
            continue
        end = rest.rfind(b"\n", searched) + 1
        lines, rest = bytes(rest[:end]).split(b"\n"), rest[end:]
        for line in lines:
            if len(line) > MOST_MESSAGE:
                raise _too_much(f"it sent a message of more than {MOST_MESSAGE >> 20} MiB")
            if not line.strip():
                continue
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                junk += 1
                process.note(line)
                if junk > MOST_JUNK:
                    raise _too_much(f"it printed {MOST_JUNK} lines that are no messages") from None
                continue
            junk = 0
            await incoming.send(SessionMessage(message))
        if len(rest) > MOST_MESSAGE:
            raise _too_much(f"it sent a message of more than {MOST_MESSAGE >> 20} MiB")


def _too_much(words: str) -> Trouble:
    return Trouble("server_babbles", words)


async def _send(
    process: Process,
    outgoing: MemoryObjectReceiveStream[SessionMessage],
    incoming: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
        try:
            async for sent in outgoing:
                text = sent.message.model_dump_json(by_alias=True, exclude_unset=True)
                await process.write(text.encode() + b"\n")
        except (asyncssh.Error, OSError):
            incoming.close()  # or a request would wait for an answer that cannot come
