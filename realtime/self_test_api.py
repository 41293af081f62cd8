"""The self-test over HTTP, for staff."""

import uuid
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router

from realtime import self_test_runs
from realtime.api_auth import staff
from realtime.idempotency import idempotent
from realtime.models import Job
from realtime.problems import CamelSchema

router = Router(tags=["operations"])


class SelfTestState(CamelSchema):
    """`timings` is in milliseconds by stage, `progress` in percent."""

    test_id: str
    status: str
    stage: str
    progress: int
    message: str
    error: str
    timings: dict[str, int]
    created_at: datetime


def state(job: Job) -> dict[str, Any]:
    fields = ("status", "stage", "progress", "message", "error", "timings", "created_at")
    return {"test_id": str(job.subject)} | {name: getattr(job, name) for name in fields}


@router.post("", response={202: SelfTestState}, by_alias=True)
@idempotent
def begin(request: HttpRequest) -> tuple[int, dict[str, Any]]:
    """Let a worker open a line to the web server, cut it, and prove that nothing is lost. While
    one of yours is under way, it is the answer."""
    return 202, state(self_test_runs.begin(staff(request)))


@router.get("/{uuid:test_id}", response=SelfTestState, by_alias=True)
def show(request: HttpRequest, test_id: uuid.UUID) -> dict[str, Any]:
    job = get_object_or_404(self_test_runs.tests_of(staff(request)), subject=test_id)
    return state(job)
