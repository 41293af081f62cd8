"""Runs as JSON."""

import uuid
from datetime import datetime
from typing import Any

from mcp_install.events import code_of, progress_of, stage_of
from mcp_install.models import Installation
from mcp_install.plan import PERCENTS, Plan
from mcp_install.trouble_kinds import KINDS
from realtime.models import ENDED, Status
from realtime.problems import CamelSchema

_STAGES = ("CONNECTING", "PREPARING", "EXECUTING", "VERIFYING", "COMPLETE")


class RunStep(CamelSchema):
    """`status`: waiting, running, done or stopped."""

    stage: str
    title: str
    command: str
    status: str


class RunError(CamelSchema):
    """`again`: a retry, as it is, may help."""

    code: str
    message: str
    again: bool


class RunDetail(CamelSchema):
    """`stage` and `progress` as in `mcp_install_progress`; `message` says what is done, or waited
    for. `timings` is in milliseconds by stage. `logLength` counts the characters of output so far,
    of which `logDropped` are not kept."""

    install_id: uuid.UUID
    action: str
    server_id: uuid.UUID
    server_name: str
    title: str
    version: str
    host_id: uuid.UUID
    host_name: str
    directory: str
    folder: str
    stage: str
    progress: int
    message: str
    error: RunError | None
    attempt: int
    is_active: bool
    is_waiting: bool
    can_retry: bool
    steps: list[RunStep]
    timings: dict[str, int]
    log_length: int
    log_dropped: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RunPage(CamelSchema):
    installs: list[RunDetail]
    next: str | None


class LogPiece(CamelSchema):
    """`offset` counts the characters (code points) before it; `leftOut` those just before it that
    are not kept."""

    offset: int
    stage: str
    text: str
    left_out: int


class Log(CamelSchema):
    """`end` is the `after` of the next request; `isMore`: that has something already."""

    pieces: list[LogPiece]
    end: int
    is_more: bool


def run_state(run: Installation) -> dict[str, Any]:
    server, job = run.server, run.job
    plan = Plan.of_json(run.plan) if run.plan else None
    return {
        "install_id": run.pk,
        "action": run.action,
        "server_id": server.pk,
        "server_name": server.name,
        "title": server.title or server.name,
        "version": run.version,
        "host_id": server.host_id,
        "host_name": server.host.name,
        "directory": server.directory,
        "folder": plan.folder if plan else "",
        "stage": stage_of(job),
        "progress": progress_of(job),
        "message": job.message,
        "error": _error(run),
        "attempt": job.attempt,
        "is_active": job.is_active,
        "is_waiting": job.status in (Status.QUEUED, Status.WAITING),
        "can_retry": job.status in (Status.FAILED, Status.CANCELLED),
        "steps": _steps(plan, run) if plan else [],
        "timings": job.timings,
        "log_length": run.log_length,
        "log_dropped": run.log_dropped,
        "created_at": run.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def _error(run: Installation) -> dict[str, Any] | None:
    if run.job.status != Status.FAILED:
        return None
    code = code_of(run.job, run.error_code)
    return {"code": code, "message": run.job.error, "again": KINDS[code].again}


def _steps(plan: Plan, run: Installation) -> list[dict[str, Any]]:
    """Those of stages before the run's are done, and of its stage those before the one it is at."""
    job = run.job
    stages = [*_STAGES]
    is_waiting = job.status in (Status.QUEUED, Status.WAITING)
    at = stages.index(stages[0] if is_waiting or not job.stage else job.stage)
    if job.status == Status.DONE:
        at = len(stages)
    here = "waiting" if is_waiting else "stopped" if job.status in ENDED else "running"
    places = [stages.index(step.stage) for step in plan.steps]
    of_stage = [number for number, place in enumerate(places) if place == at]
    now = _now(of_stage, stages[at], job.progress) if of_stage else -1
    states = [
        here if number == now else "done" if (place, number) < (at, now) else "waiting"
        for number, place in enumerate(places)
    ]
    return [
        {"stage": step.stage, "title": step.title, "command": str(step), "status": status}
        for step, status in zip(plan.steps, states, strict=True)
    ]


def _now(numbers: list[int], stage: str, progress: int) -> int:
    """Which of a stage's steps, at most two, a run that is so far is at."""
    return numbers[-1] if progress >= PERCENTS[stage][1] else numbers[0]
