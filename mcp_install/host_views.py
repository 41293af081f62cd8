"""The pages of a person's hosts."""

import uuid
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from mcp_install.host_states import host_state
from mcp_install.models import AuthMethod, SshHost, State
from mcp_install.trouble_kinds import KINDS
from realtime.pages import Context, live_page, owner

PROGRAMS = ("python", "uv", "node", "npm", "git", "docker")
BECAUSE = {"UNCONFIRMED": "Compare its key", "KEY_CHANGED": "Its key changed"}
WORDS = {"NEW": "New", "UNTESTED": "Not tested yet", "READY": "Ready", "FAILING": "Not reachable"}


def my_hosts(request: HttpRequest) -> QuerySet[SshHost]:
    return SshHost.objects.filter(owner=owner(request)).select_related("jump")


@require_safe
@live_page("mcp_install/hosts.html")
def hosts_page(request: HttpRequest) -> Context:
    return _list(request)


@require_safe
@live_page("mcp_install/_hosts.html")
def hosts_part(request: HttpRequest) -> Context:
    return _list(request)


def _list(request: HttpRequest) -> Context:
    there = Q(servers__state__in=(State.READY, State.BROKEN))
    hosts = my_hosts(request).annotate(server_count=Count("servers", filter=there))
    return {"hosts": [shown_host(host) for host in hosts]}


@require_safe
@live_page("mcp_install/host_form.html")
def new_host_page(request: HttpRequest) -> Context:
    return {**_form(request), "next": next_of(request)}


@require_safe
@live_page("mcp_install/host_form.html")
def edit_host_page(request: HttpRequest, host_id: uuid.UUID) -> Context:
    host = get_object_or_404(my_hosts(request), pk=host_id)
    return {**_form(request, host), "host": host, "next": next_of(request)}


@require_safe
@live_page("mcp_install/host.html")
def host_page(request: HttpRequest, host_id: uuid.UUID) -> Context:
    return {**_host(request, host_id), "next": next_of(request)}


@require_safe
@live_page("mcp_install/_host.html")
def host_part(request: HttpRequest, host_id: uuid.UUID) -> Context:
    return _host(request, host_id)


def next_of(request: HttpRequest) -> str:
    """Where a person wants to go on; never to another site."""
    url = request.GET.get("next", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""


def _form(request: HttpRequest, host: SshHost | None = None) -> Context:
    others = my_hosts(request).exclude(pk=host.pk) if host else my_hosts(request)
    return {"others": others, "methods": AuthMethod.choices}


def _host(request: HttpRequest, host_id: uuid.UUID) -> Context:
    return shown_host(get_object_or_404(my_hosts(request), pk=host_id))


def shown_host(host: SshHost) -> dict[str, Any]:
    """A host for its owner's eyes: `state` is that of the API, `words` says its status."""
    state = host_state(host)
    facts = state["facts"] or {}
    return {
        "host": host,
        "state": state,
        "words": _words(host, state["status"]),
        "programs": [(name, facts[name]) for name in PROGRAMS if facts.get(name)],
        "missing": [name for name in PROGRAMS if facts and not facts.get(name)],
    }


def _words(host: SshHost, status: str) -> str:
    if status == "FAILING" and host.error_code in KINDS:
        return KINDS[host.error_code].words
    return BECAUSE.get(status) or WORDS[status]
