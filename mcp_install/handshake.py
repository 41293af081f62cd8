"""Speaking with a server that was started on a host: both eras of MCP, over a channel or HTTP.

Whatever goes wrong is told as a Trouble with the server's last words, which are also its fact
`output`, without secrets.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncssh
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    CallToolResult,
    DiscoverResult,
    Implementation,
    Tool,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from mcp_install import channel, launch, results, tunnel
from mcp_install.channel import Process
from mcp_install.connect import Connection
from mcp_install.launch import Launch
from mcp_install.troubles import Trouble

SECONDS = 45  # from the start to its list of tools
ANSWER_SECONDS = 30
MODERN, LEGACY = "modern", "legacy"
MOST_NAME = 200
MOST_INSTRUCTIONS = 4000
MOST_PAGES = 100
MOST_TOOLS = 500
MOST_LISTED = 1024 * 1024  # characters of JSON
US = Implementation(name="workspace", version="1")


@dataclass(frozen=True)
class Discovered:
    """What a server said of itself. `tools` are `{name, title, description, inputSchema}`;
    `discovery` is kept for the next time, so that nothing is asked twice."""

    protocol_version: str
    era: str
    name: str
    version: str
    discovery: dict[str, Any] = field(repr=False)
    tools: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True)
class Spoken:
    """How it spoke when it was verified; empty for one that was not."""

    era: str = ""
    protocol_version: str = ""
    discovery: dict[str, Any] = field(default_factory=dict, repr=False)

    def options(self) -> dict[str, Any]:
        """For the SDK's client."""
        if self.era == LEGACY:
            return {"mode": LEGACY}
        if self.era == MODERN and self.protocol_version in MODERN_PROTOCOL_VERSIONS:
            prior = DiscoverResult.model_validate(self.discovery)
            return {"mode": self.protocol_version, "prior_discover": prior}
        return {"mode": "auto"}


async def handshake(connection: Connection, start: Launch) -> Discovered:
    """Start the server, ask what it is, and end it. Raises Trouble."""
    until = asyncio.get_running_loop().time() + SECONDS
    async with (
        speaking(connection, start, until=until) as (client, _),
        asyncio.timeout_at(until),
    ):
        return await discovered(client)


@asynccontextmanager
async def speaking(
    connection: Connection,
    start: Launch,
    spoken: Spoken | None = None,
    *,
    until: float | None = None,
) -> AsyncIterator[tuple[Client, Process]]:
    """The server, started and greeted; ended afterwards, in the task that began it. What is raised
    within is told as the server's trouble. Raises Trouble."""
    if until is None:
        until = asyncio.get_running_loop().time() + SECONDS
    if start.is_http:
        await _make_way(connection, start)
    async with (
        channel.started(connection, start) as process,
        told(process),
        AsyncExitStack() as stack,
    ):
        async with asyncio.timeout_at(until):
            transport: Any = channel.stdio(process)
            if start.is_http:
                transport = await _over_http(connection, process, stack)
            client = Client(
                transport,
                read_timeout_seconds=ANSWER_SECONDS,
                client_info=US,
                cache=None,
                **(spoken or Spoken()).options(),
            )
            await stack.enter_async_context(client)
        yield client, process


async def _make_way(connection: Connection, start: Launch) -> None:
    """What uses its port, and is ours, is ended; what is not, is told."""
    port = tunnel.port_of(start.transport["url"])
    if await tunnel.is_open(connection, port):
        await launch.kill(connection, f"MCP_SERVER_ID={start.server}")
        if await tunnel.is_open(connection, port):
            raise Trouble("port_taken", str(port))


async def _over_http(connection: Connection, process: Process, stack: AsyncExitStack) -> Any:
    """Wait until it listens."""
    url = process.launch.transport["url"]
    port = tunnel.port_of(url)
    while not await tunnel.is_open(connection, port):
        if process.has_ended:
            raise Trouble("handshake_failed")
        await asyncio.sleep(0.05)
    http = tunnel.client(connection, port, seconds=ANSWER_SECONDS)
    await stack.enter_async_context(http)
    return streamable_http_client(tunnel.url_of(url), http_client=http)


async def discovered(client: Client) -> Discovered:
    session = client.session
    era = MODERN if session.discover_result else LEGACY
    found: Any = session.discover_result or session.initialize_result
    info = client.server_info
    name, version = (_text(info.name), _text(info.version)) if info else ("", "")
    discovery = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    discovery["serverInfo"] = {"name": name, "version": version}  # wherever it stood
    if client.instructions:
        discovery["instructions"] = client.instructions[:MOST_INSTRUCTIONS]
    if len(str(discovery)) > MOST_LISTED:
        raise Trouble("server_babbles", "it says too much of itself")
    tools = await _tools(client)
    return Discovered(
        protocol_version=client.protocol_version,
        era=era,
        name=name,
        version=version,
        discovery=_storable(discovery),
        tools=_storable(tools),
    )


async def _tools(client: Client) -> list[dict[str, Any]]:
    if client.server_capabilities.tools is None:
        return []
    tools: list[dict[str, Any]] = []
    cursor, size = None, 0
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += map(_told, page.tools)
        size += len(str(page.tools))
        if len(tools) > MOST_TOOLS or size > MOST_LISTED:
            raise Trouble("server_babbles", f"over {MOST_TOOLS} tools, or very large ones")
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise Trouble("server_babbles", "its list of tools has no end")


def _told(tool: Tool) -> dict[str, Any]:
    whole = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    usual = {"title": "", "description": "", "inputSchema": {"type": "object"}}
    return usual | {key: whole[key] for key in ("name", *usual, "annotations") if key in whole}


def _text(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:MOST_NAME]


def _storable(value: Any) -> Any:
    """As PostgreSQL takes it: without zero characters and halves of pairs."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "ignore").decode()
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(one) for key, one in value.items()}
    return value


@asynccontextmanager
async def told(process: Process) -> AsyncIterator[None]:
    """Have what goes wrong with the server told as a Trouble."""
    try:
        yield
    except (Exception, BaseExceptionGroup) as error:
        cause = leaf(error)
        if not isinstance(cause, Exception):
            raise cause from None
        raise await _trouble_of(process, cause) from None


async def _trouble_of(process: Process, error: Exception) -> Trouble:
    if process.is_cut_off:
        process.trouble = Trouble("connection_lost")
    elif process.has_ended:
        await process.last_words()
    trouble = process.trouble or _trouble(process, error)
    trouble.facts.setdefault("output", process.said())
    return trouble


async def trouble_with(process: Process, error: BaseException) -> CallToolResult:
    """What a call came to that raised: what the server answered instead of a result. Raises
    Trouble where there is no answer."""
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, MCPError) and error.code == REQUEST_TIMEOUT:
        raise Trouble("tool_timeout")
    is_over = process.has_ended or process.trouble or process.is_cut_off
    if isinstance(error, MCPError) and error.code != CONNECTION_CLOSED and not is_over:
        return results.failed(error.message)
    await process.last_words()
    trouble = await _trouble_of(process, error)
    if trouble.code == "handshake_failed":
        trouble = Trouble("server_gone", process.why(), **trouble.facts)
    raise trouble from None


def leaf(error: BaseException) -> BaseException:
    """The first that is no group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _trouble(process: Process, error: Exception) -> Trouble:
    failed = "handshake_failed"
    match error:
        case Trouble():
            return error if error.detail else Trouble(error.code, process.why())
        case TimeoutError():
            return Trouble(failed, f"it did not answer in time. {process.why()}".strip())
        case MCPError():
            return Trouble(failed, process.why() or process.launch.masked(error.message)[:300])
        case ValidationError():
            return Trouble("server_babbles", "its answer has not the form that it should have")
        case httpx2.HTTPError():
            return Trouble(failed, process.why() or f"{type(error).__name__} {error}".strip())
        case asyncssh.Error() | OSError():
            return Trouble("connection_lost")
    raise error
