"""A kind of job for tests of jobs themselves."""

import copy
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections

from realtime import jobs, log
from realtime.events import Event
from realtime.log_server import Address, Line
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


@pytest.fixture
def log_is_at(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Have the log, and the channel layer, on the server of another URL."""

    def use(url: str) -> None:
        settings.REALTIME_REDIS_URL = url
        layers = copy.deepcopy(settings.CHANNEL_LAYERS)
        layers["default"]["CONFIG"]["hosts"] = [Address.parse(url).layer_host()]
        settings.CHANNEL_LAYERS = layers
        log.client.cache_clear()
        monkeypatch.setattr(log, "_line", Line(log.address))

    yield use
    log.client.cache_clear()
