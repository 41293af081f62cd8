"""Runs over HTTP: how they stand, what they printed, their end and another try."""

import uuid
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from ninja import Router

from mcp_install import installs, run_log
from mcp_install.api import user_of
from mcp_install.models import Installation
from mcp_install.run_states import Log, RunDetail, RunPage, run_state
from realtime import jobs
from realtime.paging import LIMIT, page
from realtime.problems import Problem

router = Router(tags=["mcp"])


def my_runs(request: HttpRequest) -> QuerySet[Installation]:
    rows = Installation.objects.filter(owner=user_of(request))
    return rows.select_related("server__host", "job")


def my_run(request: HttpRequest, install_id: uuid.UUID) -> Installation:
    return get_object_or_404(my_runs(request), pk=install_id)


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
