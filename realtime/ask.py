"""Ask a worker something and wait for its answer, for a request of a person.

The answer comes through a list of its own on the broker's server; Celery's result backend is not
safe to wait on from the threads of a web process.
"""

import json
import time
import uuid
from typing import Any

import redis
from celery import current_app
from kombu.exceptions import KombuError

from realtime.broker import broker

AT_ONCE = 1.0  # seconds of a wait: well below those after which the server counts as away


class NoAnswer(Exception):
    """No worker answered in time, or the broker is away."""


def ask(task: str, *arguments: Any, queue: str, seconds: int) -> Any:
    """What the task's `answer` says. Raises NoAnswer after so many seconds; a task that was not
    begun by then is not begun any more."""
    key = f"answer:{uuid.uuid4()}"
    try:
        current_app.send_task(task, args=[key, *arguments], queue=queue, expires=seconds)
        answered = _await(key, time.monotonic() + seconds)
    except (KombuError, redis.RedisError, OSError) as error:
        raise NoAnswer from error
    if answered is None:
        raise NoAnswer
    return json.loads(answered[1])


def answer(key: str, found: Any, seconds: int = 60) -> None:
    """Called by the task, with the key that is its first argument."""
    with broker().pipeline() as pipeline:
        pipeline.rpush(key, json.dumps(found))
        pipeline.expire(key, seconds)
        pipeline.execute()


def _await(key: str, until: float) -> Any:
    answered: Any = None
    while answered is None and (left := until - time.monotonic()) > 0:
        answered = broker().blpop([key], timeout=min(left, AT_ONCE))
    return answered
