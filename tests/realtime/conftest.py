"""A kind of job for tests of jobs themselves."""

import uuid
from collections.abc import AsyncIterator

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections

from realtime import jobs
from realtime.events import Event
from realtime.models import Job

KIND = "tests.count"


class Counted(Event, frozen=True, kw_only=True, tag="counted"):
    subject: str
    status: str
    stage: str
    progress: int
    message: str


def counted(job: Job) -> Event:
    return Counted(
        subject=str(job.subject),
        status=job.status,
        stage=job.stage,
        progress=job.progress,
        message=job.message,
    )


@pytest.fixture(autouse=True)
def kind() -> None:
    jobs.register(jobs.Kind(task=KIND, queue="nobody-listens", event=counted))


@pytest.fixture
def queued(ann: User, valkey: redis.Redis) -> Job:
    return jobs.create(ann, KIND, uuid.uuid4())


@pytest.fixture
async def rows() -> AsyncIterator[None]:
    """For async tests that use the ORM: its thread lets go of the database afterwards."""
    yield
    await sync_to_async(connections.close_all)()
