"""Plans and runs over HTTP: begun, followed, read, ended, tried again."""

import uuid
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from ninja import Router

from mcp_install import catalogue, installs, run_log
from mcp_install.api import my_host, user_of
from mcp_install.models import CatalogServer, Installation
from mcp_install.run_states import Log, RunDetail, RunPage, run_state
from mcp_install.states import Begun, PlanState, Wish, plan_state
from realtime import jobs
from realtime.idempotency import idempotent
from realtime.paging import LIMIT, page
from realtime.problems import Problem

router = Router(tags=["mcp"])


def my_runs(request: HttpRequest) -> QuerySet[Installation]:
    rows = Installation.objects.filter(owner=user_of(request))
    return rows.select_related("server__host", "job")


def my_run(request: HttpRequest, install_id: uuid.UUID) -> Installation:
    return get_object_or_404(my_runs(request), pk=install_id)


def planned(request: HttpRequest, wish: Wish) -> installs.Planned:
    """The plan of a wish; a host that was not tested so far is tested first."""
    host = my_host(request, wish.host_id)
    try:
        entry = catalogue.find(user_of(request), wish.server, wish.version)
    except CatalogServer.DoesNotExist:
        raise Http404 from None
    return installs.planned(
        installs.known(host),
        entry,
        wish.directory,
        version=wish.version,
        arguments=wish.arguments,
        environment=wish.environment,
    )


@router.post("/installs", response={200: PlanState, 202: Begun}, by_alias=True)
@idempotent
def post_install(request: HttpRequest, body: Wish) -> tuple[int, dict[str, Any]]:
    """Install a server, or put this version in place of the one that is there; the same version
    with the same inputs is only checked. With `dryRun` only see what would be done; with the
    `planHash` from there it is done only if it is still that."""
    wish = planned(request, body)
    if body.dry_run:
        return 200, plan_state(wish.plan, wish.action)
    return 202, {"install_id": installs.begin(user_of(request), wish, body.plan_hash).pk}


@router.get("/installs", response=RunPage, by_alias=True)
def get_installs(request: HttpRequest, cursor: str = "", limit: int = LIMIT) -> dict[str, Any]:
    """My runs on hosts, the newest first."""
    rows, following = page(my_runs(request), cursor, limit)
    return {"installs": [run_state(row) for row in rows], "next": following}


@router.get("/installs/{uuid:install_id}", response=RunDetail, by_alias=True)
def get_install(request: HttpRequest, install_id: uuid.UUID) -> dict[str, Any]:
    return run_state(my_run(request, install_id))


@router.get("/installs/{uuid:install_id}/log", response=Log, by_alias=True)
def get_log(request: HttpRequest, install_id: uuid.UUID, after: int = 0) -> dict[str, Any]:
    """What it printed after so many characters, with its colours. It is kept before it is told:
    what an event's `outputOffset` shows to be missing is here."""
    after = max(0, after)
    found, is_more = run_log.some(my_run(request, install_id), after)
    end = found[-1].offset + len(found[-1].text) if found else after
    return {"pieces": [asdict(piece) for piece in found], "end": end, "is_more": is_more}


@router.get("/installs/{uuid:install_id}/log.txt")
def get_log_text(request: HttpRequest, install_id: uuid.UUID) -> HttpResponse:
    """The same as a text without colours, to keep."""
    run = my_run(request, install_id)
    response = HttpResponse(run_log.as_text(run), content_type="text/plain; charset=utf-8")
    name = f"{run.action}-{run.server.slug}-{run.created_at:%Y%m%d-%H%M}.txt"
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@router.post("/installs/{uuid:install_id}/cancel", response={202: RunDetail}, by_alias=True)
def post_cancel(request: HttpRequest, install_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    """End it: all that it started on the host is killed, and what is half made is removed."""
    run = my_run(request, install_id)
    if not jobs.cancel(run.job):
        raise Problem(409, "Nothing to cancel", "The run has ended.")
    return 202, run_state(my_run(request, install_id))


@router.post("/installs/{uuid:install_id}/retry", response={202: RunDetail}, by_alias=True)
def post_retry(request: HttpRequest, install_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    """Try a run that failed or was cancelled again. What was complete is not made anew."""
    installs.retry(my_run(request, install_id))
    return 202, run_state(my_run(request, install_id))
