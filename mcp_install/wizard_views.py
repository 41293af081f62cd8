"""The wizard: Host → Folder → Review. Where somebody is, and what was chosen, is in the address."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.views.decorators.http import require_safe

from mcp_install.catalogue_views import my_entry, shown_entry
from mcp_install.host_views import my_hosts, shown_host
from mcp_install.packages import slug_of
from realtime.pages import Context, live_page

STEPS = {"host": "Host", "folder": "Folder", "review": "Review"}


@require_safe
@live_page("mcp_install/wizard.html")
def wizard_page(request: HttpRequest, entry_id: uuid.UUID) -> Context:
    return _wizard(request, entry_id)


@require_safe
@live_page("mcp_install/_wizard.html")
def wizard_part(request: HttpRequest, entry_id: uuid.UUID) -> Context:
    return _wizard(request, entry_id)


def _wizard(request: HttpRequest, entry_id: uuid.UUID) -> Context:
    row = my_entry(request, entry_id)
    hosts = [shown_host(host) for host in my_hosts(request)]
    asked = request.GET.get("host", "")
    chosen = next((one for one in hosts if str(one["host"].pk) == asked), None)
    directory = request.GET.get("directory", "")[:4096]
    step = _step(request.GET.get("step", ""), chosen, directory)
    here = reverse("servers:install", args=[entry_id])
    address = f"{here}?{request.GET.urlencode()}" if request.GET else here
    return {
        "entry": shown_entry(row),
        "slug": slug_of(row.name),
        "hosts": hosts,
        "chosen": chosen,
        "can_go_on": chosen is not None and _can_go_on(chosen),
        "directory": directory,
        "step": step,
        "steps": _steps(here, step, chosen, directory),
        "add_url": f"{reverse('hosts:new')}?{urlencode({'next': address})}",
    }


def _step(asked: str, chosen: dict[str, Any] | None, directory: str) -> str:
    """The one asked for, or the first whose need is not met."""
    if asked == "host" or chosen is None or not _can_go_on(chosen):
        return "host"
    if asked == "folder" or not directory:
        return "folder"
    return "review"


def _can_go_on(one: dict[str, Any]) -> bool:
    """It was looked at, even if it does not answer just now, and it can be signed in to."""
    state = one["state"]
    is_known = state["status"] in ("READY", "FAILING") and state["facts"]
    return bool(is_known and not state["needs_auth"])


def _steps(
    here: str, step: str, chosen: dict[str, Any] | None, directory: str
) -> list[dict[str, Any]]:
    """The way so far, to go back on."""
    kept = {"host": chosen["host"].pk if chosen else "", "directory": directory}
    kept = {name: value for name, value in kept.items() if value}
    names = list(STEPS)
    return [
        {
            "words": words,
            "is_here": name == step,
            "url": f"{here}?{urlencode({**kept, 'step': name})}"
            if names.index(name) < names.index(step)
            else "",
        }
        for name, words in STEPS.items()
    ]
