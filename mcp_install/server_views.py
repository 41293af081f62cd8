"""The pages of a person's servers."""

import json
import uuid
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from mcp_install import catalogue
from mcp_install.models import CatalogServer, McpServer, SshHost, State
from mcp_install.run_views import shown_run
from mcp_install.server_states import server_detail, server_state
from mcp_install.tool_forms import digest_of, fields_of
from realtime.models import ACTIVE, Status
from realtime.pages import Context, live_page, owner, shown

STEP = 50
WORDS = {
    State.NOT_INSTALLED: "Not installed",
    State.READY: "Ready",
    State.BROKEN: "Broken",
    State.REMOVED: "Uninstalled",
}


def my_servers(request: HttpRequest) -> QuerySet[McpServer]:
    rows = McpServer.objects.filter(owner=owner(request))
    return rows.select_related("host", "catalog", "active", "previous")


@require_safe
@live_page("mcp_install/servers.html")
def servers_page(request: HttpRequest) -> Context:
    return _list(request)


@require_safe
@live_page("mcp_install/_servers.html")
def servers_part(request: HttpRequest) -> Context:
    return _list(request)


@require_safe
@live_page("mcp_install/server.html")
def server_page(request: HttpRequest, server_id: uuid.UUID) -> Context:
    return _server(request, server_id)


@require_safe
@live_page("mcp_install/_server.html")
def server_part(request: HttpRequest, server_id: uuid.UUID) -> Context:
    return _server(request, server_id)


@require_safe
@live_page("mcp_install/upgrade.html")
def upgrade_page(request: HttpRequest, server_id: uuid.UUID) -> Context:
    """Another version of it: what would be done, to be confirmed."""
    server = get_object_or_404(my_servers(request), pk=server_id)
    try:
        entry = catalogue.find(owner(request), server.name)
    except CatalogServer.DoesNotExist:
        return {"server": server, "state": server_state(server)}
    versions = catalogue.versions(entry)
    return {
        "server": server,
        "state": server_state(server),
        "entry": entry,
        "versions": versions,
    }


def _list(request: HttpRequest) -> Context:
    """What is on a host, or was to be put there and is not yet."""
    there = Q(state__in=(State.READY, State.BROKEN))
    coming = Q(state=State.NOT_INSTALLED, installations__job__status__in=(*ACTIVE, Status.FAILED))
    mine = my_servers(request).filter(there | coming).distinct()
    count, show = mine.count(), shown(request, STEP)
    return {
        "servers": [_shown(server) for server in mine[:show]],
        "next_show": show + STEP if count > show else 0,
        "has_host": SshHost.objects.filter(owner=owner(request)).exists(),
    }


def _shown(server: McpServer) -> dict[str, Any]:
    run = server.installations.select_related("job", "server__host").first()
    return {
        "server": server,
        "state": server_state(server),
        "words": WORDS[State(server.state)],
        "last": shown_run(run) if run else None,
    }


def _server(request: HttpRequest, server_id: uuid.UUID) -> Context:
    server = get_object_or_404(my_servers(request), pk=server_id)
    detail = server_detail(server)
    runs = server.installations.select_related("job", "server__host")[:10]
    return _shown(server) | {
        "state": detail,
        "tools": [_tool(tool) for tool in detail["tools"]],
        "runs": [shown_run(run) for run in runs],
    }


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool, with its form; `risks` are its server's own words."""
    notes = tool["annotations"]
    schema = tool.get("inputSchema") or {}
    risks = [
        words
        for words, applies in (
            ("only reads", notes.get("readOnlyHint") is True),
            ("may destroy", notes.get("destructiveHint") is True),
            ("reaches beyond the host", notes.get("openWorldHint") is True),
        )
        if applies
    ]
    return {
        "name": tool["name"],
        "title": tool.get("title") or notes.get("title") or "",
        "description": tool.get("description") or "",
        "fields": fields_of(schema),
        "schema": json.dumps(schema, indent=2, ensure_ascii=False),
        "digest": digest_of(tool),
        "risks": risks,
    }
