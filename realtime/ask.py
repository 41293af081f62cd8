"""Ask a worker something and wait for its answer, for a request of a person.

The answer comes through a list of its own on the broker's server; Celery's result backend is not
safe to wait on from the threads of a web process.
"""

import json
import uuid
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import KombuError

MARGIN = 5  # seconds, of the connection beyond the wait


class NoAnswer(Exception):
    """No worker answered in time, or the broker is away."""


def ask(task: str, *arguments: Any, queue: str, seconds: int) -> Any:
    """What the task's `answer` says. Raises NoAnswer after so many seconds; a task that was not
    begun by then is not begun any more."""
    key = f"answer:{uuid.uuid4()}"
    try:
        current_app.send_task(task, args=[key, *arguments], queue=queue, expires=seconds)
        with _server(seconds) as server:
            answered: Any = server.blpop([key], timeout=seconds)
    except (KombuError, redis.RedisError, OSError) as error:
        raise NoAnswer from error
    if answered is None:
        raise NoAnswer
    return json.loads(answered[1])


def answer(key: str, found: Any, seconds: int = 60) -> None:
    """Called by the task, with the key that is its first argument."""
    with _server(seconds) as server, server.pipeline() as pipeline:
        pipeline.rpush(key, json.dumps(found))
        pipeline.expire(key, seconds)
        pipeline.execute()


def _server(seconds: int) -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=seconds + MARGIN
    )
