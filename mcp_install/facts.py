"""What is known of a host: its system and the programs that it has."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from mcp_install.troubles import Trouble


@dataclass(frozen=True)
class Program:
    version: str
    path: str


@dataclass(frozen=True)
class Facts:
    """A host, as its last test found it; kept in its row as JSON. `free_mb` is of the home."""

    system: str
    arch: str
    name: str
    user: str
    home: str
    shell: str
    free_mb: int | None
    is_root: bool = False
    has_venv: bool = False  # can the Python make environments?
    python: Program | None = None
    uv: Program | None = None
    node: Program | None = None
    npm: Program | None = None
    docker: Program | None = None
    git: Program | None = None

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> "Facts":
        """Raises Trouble when the host was never tested."""
        if not kept:
            raise Trouble("host_not_tested")
        programs = {name: Program(**one) for name, one in kept.items() if isinstance(one, dict)}
        return cls(**(kept | programs))
