"""Installed servers over HTTP: looked at, checked, tried, upgraded, rolled back, uninstalled."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router

from mcp_install import ask_worker, installs, limits, servers
from mcp_install.api import user_of
from mcp_install.arguments import check_arguments
from mcp_install.models import Action, McpServer, State
from mcp_install.server_states import (
    CallBody,
    Called,
    ServerDetail,
    ServerPage,
    Upgrade,
    server_detail,
    server_state,
)
from mcp_install.states import Begun, PlanState, plan_state
from realtime.idempotency import idempotent
from realtime.paging import LIMIT, page

router = Router(tags=["mcp"])


def my_servers(request: HttpRequest) -> QuerySet[McpServer]:
    rows = McpServer.objects.filter(owner=user_of(request))
    return rows.select_related("host", "catalog", "active", "previous")


def my_server(request: HttpRequest, server_id: uuid.UUID) -> McpServer:
    return get_object_or_404(my_servers(request), pk=server_id)


@router.get("/servers", response=ServerPage, by_alias=True)
def get_servers(request: HttpRequest, cursor: str = "", limit: int = LIMIT) -> dict[str, Any]:
    """My servers that are on a host, whether they work or not; the newest first."""
    there = my_servers(request).filter(state__in=(State.READY, State.BROKEN))
    rows, following = page(there, cursor, limit)
    return {"servers": [server_state(row) for row in rows], "next": following}


@router.get("/servers/{uuid:server_id}", response=ServerDetail, by_alias=True)
def get_server(request: HttpRequest, server_id: uuid.UUID) -> dict[str, Any]:
    return server_detail(my_server(request, server_id))


@router.post("/servers/{uuid:server_id}/check", response={202: Begun}, by_alias=True)
@idempotent
def post_check(request: HttpRequest, server_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    """Start it anew and see whether it answers. It is READY or BROKEN afterwards."""
    return 202, _begun(my_server(request, server_id), Action.VERIFY)


@router.post("/servers/{uuid:server_id}/rollback", response={202: Begun}, by_alias=True)
@idempotent
def post_rollback(request: HttpRequest, server_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    """Go back to the version before, if that answers; else the one in use stays in use."""
    return 202, _begun(my_server(request, server_id), Action.ROLLBACK)


@router.delete("/servers/{uuid:server_id}", response={202: Begun, 204: None}, by_alias=True)
def delete_server(request: HttpRequest, server_id: uuid.UUID, forget: bool = False) -> Any:
    """Uninstall it: what an installation put on the host is removed, and nothing else. With
    `forget=true` the host is left as it is, for one that is gone."""
    server = my_server(request, server_id)
    if forget:
        servers.forget(server)
        return 204, None
    return 202, _begun(server, Action.UNINSTALL)


def _begun(server: McpServer, action: Action) -> dict[str, Any]:
    return {"install_id": servers.begin(server, action).pk}


@router.post(
    "/servers/{uuid:server_id}/upgrade", response={200: PlanState, 202: Begun}, by_alias=True
)
@idempotent
def post_upgrade(
    request: HttpRequest, server_id: uuid.UUID, body: Upgrade
) -> tuple[int, dict[str, Any]]:
    """Put another version beside the one in use, and use it once it answers. Nothing that is left
    out of the request changes; where nothing does, the one in use is only checked."""
    server = my_server(request, server_id)
    wish = servers.upgrade(server, body.version, body.arguments, body.environment)
    if body.dry_run:
        return 200, plan_state(wish.plan, wish.action)
    return 202, {"install_id": installs.begin(user_of(request), wish, body.plan_hash).pk}


@router.post("/servers/{uuid:server_id}/tools/{name}", response=Called, by_alias=True)
def post_tool(
    request: HttpRequest, server_id: uuid.UUID, name: str, body: CallBody
) -> dict[str, Any]:
    """Try a tool. Arguments that do not fit its schema are refused before anything is sent."""
    server = my_server(request, server_id)
    limits.count(server.owner_id, "call")
    check_arguments(servers.tool_of(server, name), body.arguments)
    return ask_worker.call_tool(server, name, body.arguments)
