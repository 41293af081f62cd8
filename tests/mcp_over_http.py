"""A small MCP server over HTTP, and a provider of its tools, which `TOOL_PROVIDER` can name.

`python -m tests.mcp_over_http [version]` serves on loopback and prints the URL. The provider reads
it from `TOOLS_URL`.
"""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx2
import uvicorn
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError

from chat.tools import Arguments, Result, Tool, ToolServer, ToolUnavailable

SECRET = "hunter2-hunter2"
SECONDS = 20.0  # of one call


# --- The server -----------------------------------------------------------------------------------
@dataclass
class Serving:
    """`called` are the tools that ran, with their arguments."""

    url: str
    called: list[tuple[str, Arguments]] = field(default_factory=list)


def _tools(called: list[tuple[str, Arguments]]) -> Iterator[Callable[..., Any]]:
    def add(a: int, b: int) -> str:
        """Add two numbers."""
        called.append(("add", {"a": a, "b": b}))
        return str(a + b)

    async def echo(text: str) -> str:
        """Say a text again."""
        called.append(("echo", {"text": text}))
        return text

    async def slow(seconds: float) -> str:
        """Take some time."""
        called.append(("slow", {"seconds": seconds}))
        await asyncio.sleep(seconds)
        return "at last"

    def fail() -> str:
        """Fail."""
        called.append(("fail", {}))
        raise ToolError("No disk is left.")

    def big(characters: int) -> str:
        """Say much."""
        called.append(("big", {"characters": characters}))
        return "x" * characters

    def secret() -> str:
        """Say what nobody should see."""
        called.append(("secret", {}))
        return f"user=ann password={SECRET} https://ann:{SECRET}@example.org/"

    yield from (add, echo, slow, fail, big, secret)


@contextmanager
def serving(version: str = "1.0", port: int = 0) -> Iterator[Serving]:
    """The server, on a thread of its own."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    here = Serving(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
    mcp = MCPServer("Sums", version=version, log_level="CRITICAL")
    for tool in _tools(here.called):
        mcp.add_tool(tool)
    options: dict[str, Any] = {"log_config": None, "timeout_graceful_shutdown": 0}
    server = uvicorn.Server(uvicorn.Config(mcp.streamable_http_app(), **options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


# --- The provider ---------------------------------------------------------------------------------
class Provider:
    """Calls go over a connection that stays open, on the loop that they come from."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def servers(self, owner_id: int) -> list[ToolServer]:
        url = os.environ.get("TOOLS_URL", "")
        return [_described(url)] if url else []

    async def call(
        self, owner_id: int, server: ToolServer, tool: str, arguments: Arguments
    ) -> Result:
        url = os.environ["TOOLS_URL"]
        line = self._lines.get(url)
        if line is None or line.is_over:
            line = self._lines[url] = _Line(url)
        try:
            async with asyncio.timeout(SECONDS):
                client = await asyncio.shield(line.client)
                result = await client.call_tool(tool, arguments)
        except TimeoutError:
            raise ToolUnavailable(f"It did not answer within {SECONDS:g} s.") from None
        except (MCPError, httpx2.HTTPError, OSError, ExceptionGroup) as error:
            line.end()
            raise ToolUnavailable(f"It could not be reached: {type(error).__name__}.") from None
        text = "\n".join(getattr(part, "text", "") for part in result.content)
        return Result(text, is_error=bool(result.is_error))


class _Line:
    """A connection, kept open by a task of its own, as it must be closed by who opened it."""

    def __init__(self, url: str) -> None:
        self.client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._hold(url))

    async def _hold(self, url: str) -> None:
        try:
            async with Client(url) as client:
                self.client.set_result(client)
                await self._over.wait()
        except Exception as error:
            if not self.client.done():
                self.client.set_exception(error)

    @property
    def is_over(self) -> bool:
        return self._task.done()

    def end(self) -> None:
        self._over.set()


@cache
def _described(url: str) -> ToolServer:
    """The server as it says of itself, asked once, on a thread without a loop."""
    found: list[ToolServer] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(_ask(url))))
    thread.start()
    thread.join()
    return found[0]


async def _ask(url: str) -> ToolServer:
    async with Client(url) as client:
        listed = await client.list_tools()
        info = client.server_info
    tools = tuple(Tool(t.name, t.description or "", dict(t.input_schema)) for t in listed.tools)
    name, version = (info.name, info.version) if info else ("Unknown", "")
    return ToolServer("sums", name, f"{name} {version}", tools)


def main(version: str) -> None:
    with serving(version) as here:
        print(here.url, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "1.0")
