"""The web process asks a worker about a host, and waits for a bounded time."""

from typing import Any

from mcp_install.models import McpServer, SshHost
from mcp_install.troubles import Trouble, from_dict
from realtime.ask import NoAnswer, ask

TASK = "mcp.look"
QUEUE = "ssh"
PAGE = 500  # entries of a folder at once
SECONDS = 40  # that a look may take
WAIT = SECONDS + 5


def test(host: SshHost) -> dict[str, Any]:
    """`{latency_ms}`; the row then has the rest. Raises Trouble."""
    return _ask(host, "test")


def folder(host: SshHost, token: str, path: str, after: int, limit: int) -> dict[str, Any]:
    """Raises Trouble."""
    return _ask(host, "folder", token=token, path=path, after=after, limit=limit)


def make_folder(host: SshHost, token: str, path: str, name: str) -> dict[str, Any]:
    """Raises Trouble."""
    return _ask(host, "make_folder", token=token, path=path, name=name)


def call_tool(server: McpServer, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """As `results.Called`. Raises Trouble."""
    return _ask(server.host, "call", server_id=str(server.pk), tool=tool, arguments=arguments)


def _ask(host: SshHost, what: str, **arguments: Any) -> dict[str, Any]:
    try:
        answered = ask(TASK, str(host.pk), what, arguments, queue=QUEUE, seconds=WAIT)
    except NoAnswer:
        raise Trouble("workers_away") from None
    if "trouble" in answered:
        raise from_dict(answered["trouble"])
    found: dict[str, Any] = answered["found"]
    return found
