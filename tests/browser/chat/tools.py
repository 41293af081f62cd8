"""Tools for conversations in browser tests."""

from typing import Any

from chat.tools import Result, Tool, ToolServer

_NUMBER = {"type": "number"}
_SCHEMA = {"type": "object", "properties": {"a": _NUMBER, "b": _NUMBER}}


class Calculators:
    """One server, the same for everybody."""

    def servers(self, owner_id: int) -> list[ToolServer]:
        tools = (Tool("add", "Adds two numbers.", _SCHEMA), Tool("multiply", "", _SCHEMA))
        return [ToolServer("calculator", "Calculator", "calculator 1.0", tools)]

    async def call(
        self, owner_id: int, server: ToolServer, tool: str, arguments: dict[str, Any]
    ) -> Result:
        a, b = arguments["a"], arguments["b"]
        return Result(f"{tool}: {a + b if tool == 'add' else a * b}")
