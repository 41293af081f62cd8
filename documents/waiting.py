"""Why a document waits, in words."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from documents.intake import KIND
from realtime import turns
from realtime.models import Job, Status

AT_ONCE = timedelta(seconds=5)  # a free worker takes a job up long before


def reasons(jobs: Sequence[Job]) -> dict[uuid.UUID, str]:
    """For those of the documents' jobs that are queued: what is before them."""
    waiting = [job for job in jobs if job.status == Status.QUEUED]
    if not waiting:
        return {}
    busy = Job.objects.filter(kind=KIND, status=Status.RUNNING).count()
    places = turns.line(KIND)
    return {job.pk: _reason(job, places.get(job.pk, 0), busy) for job in waiting}


def _reason(job: Job, before: int, busy: int) -> str:
    if not busy and timezone.now() - job.queued_at > AT_ONCE:
        return "No worker is running. It begins as soon as one does."
    if before:
        return f"{before:,} before it" + (f", {busy} in work" if busy else "")
    if not busy:
        return "Waiting to start"
    return f"Next: all {busy} workers are busy" if busy > 1 else "Next: the worker is busy"
