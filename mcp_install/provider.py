"""Installed servers as tools of conversations: what `TOOL_PROVIDER` names.

It has the shape that conversations expect, and knows nothing of them. Whoever only lists servers,
as the web process does, has no SSH; that is imported by the worker that calls a tool.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.utils.module_loading import import_string

from mcp_install.arguments import check_arguments
from mcp_install.models import McpServer, State
from mcp_install.troubles import Trouble

CALL = "mcp_install.warm.call"
SECONDS = 100.0  # of a call, the start of the server included


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    schema: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class ToolServer:
    """`identity` changes with every build, so that an upgrade asks for approval again."""

    id: str
    name: str
    identity: str
    tools: tuple[Tool, ...]
    build: str


@dataclass(frozen=True)
class Result:
    text: str
    is_error: bool = False


class InstalledServers:
    """A person's own servers, on that person's own hosts."""

    def servers(self, owner_id: int) -> list[ToolServer]:
        """Those that answered when they were checked last, from their rows alone."""
        rows = McpServer.objects.filter(owner_id=owner_id, state=State.READY, active__isnull=False)
        found = list(rows.select_related("host", "active"))
        titles = Counter(row.title or row.name for row in found)
        return [_described(row, titles) for row in found]

    async def call(
        self, owner_id: int, server: Any, tool: str, arguments: dict[str, Any]
    ) -> Result:
        """What goes wrong is a result, too, in words for the owner and the model."""
        schema: dict[str, Any] = next((one.schema for one in server.tools if one.name == tool), {})
        try:
            check_arguments({"inputSchema": schema}, arguments)
            told = await import_string(CALL)(
                owner_id, server.id, tool, arguments, SECONDS, build=server.build
            )
        except Trouble as trouble:
            return Result(str(trouble), is_error=True)
        return Result(told["text"], is_error=told["is_error"])


def _described(row: McpServer, titles: Counter[str]) -> ToolServer:
    title = row.title or row.name
    build = row.active.build if row.active else ""
    return ToolServer(
        id=str(row.pk),
        name=title if titles[title] == 1 else f"{title} on {row.host.name}",
        identity=f"{row.pk} {build}",
        tools=tuple(
            Tool(tool["name"], tool["description"], tool["inputSchema"]) for tool in row.tools
        ),
        build=str(row.active_id),
    )
