"""The page of one run on a host: what it does, how far it is, and all that it printed."""

import uuid
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from mcp_install.models import Action, Installation
from mcp_install.plan import Plan
from mcp_install.states import plan_state
from realtime.pages import Context, live_page, owner

WORDS = {
    Action.INSTALL: ("Install", "Installed"),
    Action.UPGRADE: ("Upgrade", "Upgraded"),
    Action.VERIFY: ("Check", "Checked"),
    Action.ROLLBACK: ("Roll back", "Rolled back"),
    Action.UNINSTALL: ("Uninstall", "Uninstalled"),
}


@require_safe
@live_page("mcp_install/run.html")
def run_page(request: HttpRequest, install_id: uuid.UUID) -> Context:
    return _run(request, install_id)


@require_safe
@live_page("mcp_install/_run.html")
def run_part(request: HttpRequest, install_id: uuid.UUID) -> Context:
    return _run(request, install_id)


def _run(request: HttpRequest, install_id: uuid.UUID) -> Context:
    mine = Installation.objects.filter(owner=owner(request))
    run = get_object_or_404(mine.select_related("job", "server__host"), pk=install_id)
    plan = plan_state(Plan.of_json(run.plan), run.action) if run.plan else None
    return shown_run(run) | {"plan": plan}


def shown_run(run: Installation) -> dict[str, Any]:
    """A run for its owner's eyes: `does` and `did` say in words what it is for."""
    does, did = WORDS[Action(run.action)]
    return {
        "run": run,
        "job": run.job,
        "of": run.server,
        "host": run.server.host,
        "does": does,
        "did": did,
        "title": run.server.title or run.server.name,
    }
