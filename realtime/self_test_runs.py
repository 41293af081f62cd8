"""Self-tests as jobs: staff begin one, and see how it goes and how those before went.

The job's row is all there is of one; `subject` names it.
"""

import uuid
from typing import cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from realtime import jobs
from realtime.events import JobState, SelfTest, TestStage
from realtime.models import ACTIVE, Job

KIND = "realtime.self_test"


def event(job: Job) -> SelfTest:
    """How the test stands now."""
    return SelfTest(
        test_id=str(job.subject),
        status=cast("JobState", job.status),
        stage=cast("TestStage", job.stage),
        progress=job.progress,
        message=job.error[:500] or job.message,
    )


def tests_of(owner: User) -> QuerySet[Job]:
    """The newest first."""
    return Job.objects.filter(owner=owner, kind=KIND)


def begin(owner: User) -> Job:
    """A test that waits for a worker; the owner's own, if there is one that has not ended."""
    with transaction.atomic():
        if running := tests_of(owner).filter(status__in=ACTIVE).first():
            return running
        job = jobs.create(owner, KIND, uuid.uuid4())
        jobs.announce(job)
    return job
