"""Retrieval alone, over HTTP: the web process asks a worker, which has the model, and waits.

The reply comes through a list of its own on the broker's server; Celery's result backend is not
safe to wait on from the threads of a web process.
"""

import json
import uuid
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import KombuError

TASK = "rag.search"
SECONDS = 10  # that the web process waits, and that a question is worth answering


class NoReply(Exception):
    """No worker answered in time; `str()` is for whoever asked."""


def search(owner_id: int, question: str, top_k: int) -> list[dict[str, Any]]:
    """The passages for a question, in the fields of the API. Raises NoReply."""
    key = f"rag:search:{uuid.uuid4()}"
    try:
        current_app.send_task(
            TASK, args=[key, owner_id, question, top_k], queue="interactive", expires=SECONDS
        )
        with _server() as server:
            reply: Any = server.blpop([key], timeout=SECONDS)
    except (KombuError, redis.RedisError, OSError):
        raise NoReply("The search does not answer. Try again later.") from None
    if reply is None:
        raise NoReply("The search takes too long: the workers are busy or away.")
    found: dict[str, Any] = json.loads(reply[1])
    if "error" in found:
        raise NoReply(found["error"])
    passages: list[dict[str, Any]] = found["passages"]
    return passages


def answer(key: str, found: dict[str, Any]) -> None:
    """The worker's reply: `{passages: […]}`, or `{error}` in words."""
    with _server() as server, server.pipeline() as pipeline:
        pipeline.rpush(key, json.dumps(found))
        pipeline.expire(key, SECONDS)
        pipeline.execute()


def _server() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=SECONDS + 5
    )
