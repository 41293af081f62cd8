"""Installed servers as JSON."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from mcp_install import catalogue
from mcp_install.models import Installation, McpServer, State
from mcp_install.run_states import RunDetail, run_state
from mcp_install.states import Value
from mcp_install.trouble_kinds import KINDS
from realtime.models import ACTIVE
from realtime.problems import CamelSchema
from realtime.text import Text

MOST_RUNS = 20


class ServerTrouble(CamelSchema):
    code: str
    message: str


class ServerState(CamelSchema):
    """`state`: READY, BROKEN (the last check failed, `error` says why), NOT_INSTALLED or REMOVED.
    `previousVersion`: what can be gone back to. `latestVersion`: of the catalogue, where it knows
    another than the installed one. `running`: what is being done to it now."""

    server_id: uuid.UUID
    name: str
    title: str
    host_id: uuid.UUID
    host_name: str
    directory: str
    state: str
    version: str | None
    previous_version: str | None
    latest_version: str | None
    protocol_version: str | None
    era: str | None
    tool_count: int
    error: ServerTrouble | None
    running: RunDetail | None
    verified_at: datetime | None
    created_at: datetime


class ServerPage(CamelSchema):
    servers: list[ServerState]
    next: str | None


class ToolState(CamelSchema):
    """`inputSchema` is the JSON schema of its arguments. `annotations` are the server's own words:
    title, readOnlyHint, destructiveHint, idempotentHint, openWorldHint, each if it is there."""

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    annotations: dict[str, Any]


class BuildState(CamelSchema):
    """A version that is in the server's folder. `use`: active, or previous."""

    install_id: uuid.UUID
    version: str
    build: str
    folder: str
    use: str
    created_at: datetime


class ServerDetail(ServerState):
    """`entryId`: where the catalogue has it, with the inputs and versions for an upgrade. `folder`
    is the server's own. `runs`: the last 20, the newest first."""

    entry_id: uuid.UUID | None
    folder: str
    server_name: str
    server_version: str
    instructions: str
    tools: list[ToolState]
    builds: list[BuildState]
    runs: list[RunDetail]


class CallBody(CamelSchema):
    arguments: dict[str, Any] = {}


class Called(CamelSchema):
    """What a tool gave, without secrets and no longer than 64 KiB: its texts in lines; what is not
    text is named in brackets. `structured`, where it gave that and it is not too long.
    `milliseconds`: how long the server took."""

    is_error: bool
    text: str
    structured: dict[str, Any] | None
    is_shortened: bool
    milliseconds: int


class Upgrade(CamelSchema):
    """What is left out is as it was: `version` then is the catalogue's latest. With `dryRun` only
    the plan is answered; `planHash` says which plan I have seen."""

    version: Text = ""
    arguments: dict[Text, Value] | None = None
    environment: dict[Text, Value] | None = None
    dry_run: bool = False
    plan_hash: str = ""


def server_state(server: McpServer) -> dict[str, Any]:
    running = _runs(server).filter(job__status__in=ACTIVE).first()
    trouble = KINDS.get(server.error_code)
    version = server.active.version if server.active else None
    return {
        "server_id": server.pk,
        "name": server.name,
        "title": server.title or server.name,
        "host_id": server.host_id,
        "host_name": server.host.name,
        "directory": server.directory,
        "state": server.state,
        "version": version,
        "previous_version": server.previous.version if server.previous else None,
        "latest_version": _latest(server, version),
        "protocol_version": server.protocol_version or None,
        "era": server.era or None,
        "tool_count": len(server.tools),
        "error": {"code": server.error_code, "message": f"{trouble.words}. {trouble.advice}"}
        if trouble and server.state == State.BROKEN
        else None,
        "running": run_state(running) if running else None,
        "verified_at": server.verified_at,
        "created_at": server.created_at,
    }


def _runs(server: McpServer) -> QuerySet[Installation]:
    return server.installations.select_related("server__host", "job")


def _latest(server: McpServer, version: str | None) -> str | None:
    if server.catalog is None:
        return None
    known = catalogue.versions(server.catalog)
    return known[0] if known and known[0] != version else None


def server_detail(server: McpServer) -> dict[str, Any]:
    runs = _runs(server)[:MOST_RUNS]
    folder = f"{server.directory}/{server.slug}"
    builds = [("active", server.active), ("previous", server.previous)]
    info = server.discovery.get("serverInfo") or {}
    return server_state(server) | {
        "entry_id": server.catalog_id,
        "folder": folder,
        "server_name": str(info.get("name", "")),
        "server_version": str(info.get("version", "")),
        "instructions": str(server.discovery.get("instructions") or ""),
        "tools": [{"annotations": {}} | tool for tool in server.tools],
        "builds": [
            {
                "install_id": build.pk,
                "version": build.version,
                "build": build.build,
                "folder": f"{folder}/versions/{build.build}",
                "use": use,
                "created_at": build.created_at,
            }
            for use, build in builds
            if build
        ],
        "runs": [run_state(run) for run in runs],
    }
