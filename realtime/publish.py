"""`publish(user_id, event)`: the one way to say something to a user, from any process."""

import logging
import time
from datetime import timedelta
from typing import Any

import redis
from django.db import connection, transaction
from django.utils import timezone

from realtime import log
from realtime.age import older
from realtime.events import LATEST, Event, encode
from realtime.models import Job, OutboxEvent

logger = logging.getLogger(__name__)

RESPITE = 3.0  # seconds in which a log that did not answer in time is not asked again


# Whoever else moves them waits, and then finds them gone.
_TAKE = """
WITH waiting AS (
    SELECT id FROM realtime_outboxevent WHERE user_id = %s ORDER BY id FOR UPDATE
)
DELETE FROM realtime_outboxevent AS event USING waiting WHERE event.id = waiting.id
RETURNING event.id, event.payload, event.job, event.fence
"""


class _Log:
    """The log, as work speaks to it.

    To ask a server that hangs costs its whole time limit, and work has something to say several
    times a second: so it is asked once, and then left alone for a while.
    """

    def __init__(self) -> None:
        self._asked_again_at = 0.0  # by the monotonic clock

    @property
    def hangs(self) -> bool:
        return time.monotonic() < self._asked_again_at

    def append(self, user_id: int, payload: bytes, **options: Any) -> None:
        """As `log.append`. Raises redis.RedisError."""
        if self.hangs:
            raise redis.ConnectionError("it did not answer a moment ago")
        try:
            log.append(user_id, payload, **options)
        except redis.TimeoutError:
            self._asked_again_at = time.monotonic() + RESPITE
            raise


_log = _Log()


def publish(user_id: int, event: Event, *, durable: bool = False, job: Job | None = None) -> None:
    """Send an event to all tabs of a user once the current transaction has committed.

    A durable event is written in that transaction and cannot be lost, only late: it stays in the
    outbox until the log has it. Others are dropped when the log's server is away, as the row they
    tell of says the same; and a client that lags is sent the latest of a job, or adjacent pieces of
    a text as one. What is said of an attempt of the job when it is over is dropped.
    Raises ValueError for an event over 16 KiB.
    """
    payload = encode(event)
    job_id, fence = (job.pk, job.fence) if job else (None, 0)
    if durable:
        OutboxEvent.objects.create(user_id=user_id, payload=payload, job=job_id, fence=fence)
        _flush_on_commit(user_id)
        return
    coalesce = event.stream or (f"{LATEST}{job_id}" if job else "")
    options = {"coalesce": coalesce, "job": job_id, "fence": fence}
    # Lambdas, because Django cannot name a failed partial.
    transaction.on_commit(lambda: _append(user_id, payload, **options), robust=True)


class _Flush:
    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.__qualname__ = f"flush({user_id})"  # by which Django names what failed

    def __call__(self) -> None:
        flush(self.user_id)


def _flush_on_commit(user_id: int) -> None:
    """Once, however much is said in a transaction. Robust: what is committed is done, whatever
    becomes of the news; `sweep` flushes later."""
    waiting = (call for _, call, _ in transaction.get_connection().run_on_commit)
    if not any(isinstance(call, _Flush) and call.user_id == user_id for call in waiting):
        transaction.on_commit(_Flush(user_id), robust=True)


def publish_now(user_id: int, event: Event, job: Job) -> log.Position | None:
    """Send a piece of a text that is not in its row yet, outside of any transaction.

    None when the log's server is away, or a newer attempt of the job has spoken: then it is not
    sent, and the caller sends it again with the next piece, at a pace of its own.
    """
    told = encode(event)
    try:
        return log.append(user_id, told, coalesce=event.stream, job=job.pk, fence=job.fence)
    except redis.RedisError as error:
        logger.warning("a piece waits, the log does not answer: %s", error)
        return None


def _append(user_id: int, payload: bytes, **options: Any) -> None:
    if _log.hangs:
        return
    try:
        _log.append(user_id, payload, **options)
    except redis.RedisError as error:
        logger.warning("event dropped, the log does not answer: %s", error)


def flush(user_id: int) -> int:
    """Move a user's outbox to the log, in order; how many events moved.

    An event that was appended but not deleted, because we died between, is not appended again.
    """
    if _log.hangs:
        return 0
    moved: list[int] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, [user_id])
        taken = sorted(cursor.fetchall())
        try:
            for pk, payload, job, fence in taken:
                _log.append(user_id, bytes(payload), key=str(pk), job=job, fence=fence)
                moved.append(pk)
        except redis.RedisError as error:
            logger.warning("events wait in the outbox, the log does not answer: %s", error)
            transaction.set_rollback(True)
    if len(moved) < len(taken):
        OutboxEvent.objects.filter(pk__in=moved).delete()
    return len(moved)


def sweep(older_than: timedelta = timedelta(seconds=2)) -> None:
    """Flush what was left behind by a process that died or by a server that was away."""
    left = OutboxEvent.objects.filter(older("created_at", older_than, timezone.now()))
    for user_id in left.order_by("user_id").values_list("user_id", flat=True).distinct():
        flush(user_id)
