"""Tools that a conversation can use: what their provider must be, and how the model names them.

A provider is named by `TOOL_PROVIDER`, by its path, as Django loads its back ends.
"""

import re
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import msgspec
from django.conf import settings
from django.utils.module_loading import import_string

Arguments = dict[str, Any]

MOST_NAME = 64  # characters that models take for a function's name
MOST_ARGUMENTS = 64 * 1024  # characters of JSON
MOST_LEVELS = 50
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True)
class Tool:
    """One tool of a server. `schema` is the JSON schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class ToolServer:
    """A server that a person may use. `identity` names it with its version: what changes it,
    asks for approval again."""

    id: str
    name: str
    identity: str
    tools: tuple[Tool, ...]


@dataclass(frozen=True)
class Result:
    """What a call came to, as text without secrets."""

    text: str
    is_error: bool = False


class ToolUnavailable(Exception):
    """The call could not be made; `str()` says why, in words for the owner and the model."""


class Provider(Protocol):
    def servers(self, owner_id: int) -> list[ToolServer]:
        """The servers that a person may use now, without asking them."""
        ...

    async def call(
        self, owner_id: int, server: ToolServer, tool: str, arguments: Arguments
    ) -> Result:
        """Call a tool; within a time limit of the provider's own. Raises ToolUnavailable."""
        ...


def provider() -> Provider:
    return _provider(settings.TOOL_PROVIDER)


@cache
def _provider(path: str) -> Provider:
    found: Provider = import_string(path)()
    return found


def servers(owner_id: int, ids: list[str]) -> list[ToolServer]:
    """Those of the ids that the person may use."""
    return [server for server in provider().servers(owner_id) if server.id in ids] if ids else []


def named(servers: list[ToolServer]) -> dict[str, tuple[ToolServer, Tool]]:
    """Every tool under the name that the model knows it by."""
    names: dict[str, tuple[ToolServer, Tool]] = {}
    for server in servers:
        for tool in server.tools:
            name = model_name(f"{server.name}__{tool.name}")
            if name in names:
                mark = uuid.uuid5(uuid.NAMESPACE_OID, f"{server.id} {tool.name}").hex[:8]
                name = f"{name[:55]}_{mark}"
            names[name] = server, tool
    return names


def model_name(name: str) -> str:
    """A name that models take."""
    return _NOT_IN_NAMES.sub("_", name)[:MOST_NAME] or "_"


def arguments_of(value: Any) -> Arguments:
    """The arguments of a call as they can be kept and sent. Raises ValueError in words."""
    if not isinstance(value, dict):
        raise ValueError("The arguments are not a JSON object.")
    if _is_deep(value, MOST_LEVELS):
        raise ValueError("The arguments are nested too deeply.")
    try:
        text = msgspec.json.encode(value)
    except ValueError:
        raise ValueError("The arguments hold characters that no text has.") from None
    if len(text) > MOST_ARGUMENTS:
        raise ValueError(f"The arguments are longer than {MOST_ARGUMENTS:,} characters.")
    if _NUL.search(text):
        raise ValueError("The arguments hold characters that no text has.")
    arguments: Arguments = msgspec.json.decode(text)
    return arguments


def _is_deep(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_is_deep(one, levels - 1) for one in inner)
