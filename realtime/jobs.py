"""Jobs: how long work is created, claimed, watched, cancelled, retried and taken up again.

Every change of a Job row is a conditional update; the row count says who won. A worker holds a job
by a lease that a thread renews; when the worker dies the lease runs out and `reap` gives the job to
another. Attempts are numbered: what an older attempt still tries to write is refused.

How a worker runs a claimed job, and the `report` it gives to the work, is in `realtime.work`.
"""

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
from celery import current_app
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from kombu.exceptions import KombuError
from redis import RedisError

from realtime.age import older
from realtime.events import Event
from realtime.models import ACTIVE, ENDED, Job, Status
from realtime.publish import publish
from realtime.signals import ended

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
MOST_LOSSES = 3  # a job that takes its worker down each time must end
SEND_AGAIN = timedelta(seconds=60)  # a queued job whose message may have been lost


@dataclass(frozen=True)
class Audience:
    """Who is told of a kind's jobs besides their owners.

    `users` gives the ids of those who are told of a job, `subjects` what a user is told of. The
    first is asked in the transaction that tells, after the job's row is locked: who lets somebody
    into an audience locks it too, and so nobody misses the change that is under way.
    """

    users: Callable[[Job], Iterable[int]]
    subjects: Callable[[User], Iterable[uuid.UUID]]


@dataclass(frozen=True)
class Kind:
    """One kind of job: its Celery task, the queue, and what sockets are told of its changes. `done`
    is called with a job that ends as DONE, in the transaction that says so."""

    task: str
    queue: str
    event: Callable[[Job], Event]
    audience: Audience | None = None
    done: Callable[[Job], None] | None = None


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known; called when its app is ready."""
    _kinds[kind.task] = kind


def queues() -> set[str]:
    """The queues that jobs wait in."""
    return {kind.queue for kind in _kinds.values()}


def announce(job: Job, *, durable: bool = True) -> None:
    """Tell its audience how the job stands; in the transaction that changed it if durable."""
    for user_id in audience(job):
        publish(user_id, event_of(job), durable=durable, job=job)


def audience(job: Job) -> list[int]:
    """The ids of the users who are told of the job, its owner first."""
    besides = _kinds[job.kind].audience
    return [job.owner_id, *(besides.users(job) if besides else ())]


def event_of(job: Job) -> Event:
    """How the job stands, in the words of its kind."""
    event = _kinds[job.kind].event(job)
    return msgspec.structs.replace(event, attempt=job.attempt, terminal=job.status in ENDED)


def create(
    owner: User,
    kind: str,
    subject: uuid.UUID,
    message: str = "Waiting to start",
    *,
    waits: bool = False,
) -> Job:
    """A queued job, in the caller's transaction; sent to a worker when that commits. One that
    `waits` is queued by `wake`.

    The caller announces it once the row it works on is there too.
    """
    status = Status.WAITING if waits else Status.QUEUED
    job = Job.objects.create(
        owner=owner,
        kind=kind,
        subject=subject,
        status=status,
        message=message,
        queued_at=timezone.now(),
    )
    if not waits:
        transaction.on_commit(lambda: send(job), robust=True)
    return job


def send(job: Job) -> None:
    """Hand the job to the broker. With the broker away it stays queued, and `reap` sends it."""
    kind = _kinds[job.kind]
    try:
        current_app.send_task(kind.task, args=[str(job.pk)], queue=kind.queue)
    except (KombuError, RedisError, OSError) as error:
        logger.warning("job %s waits, the broker does not answer: %s", job.pk, error)


def claim(job_id: str, worker: str) -> Job | None:
    """Take a queued job: the next attempt is ours. None when there is nothing to take."""
    now = timezone.now()
    with transaction.atomic():
        won = Job.objects.filter(pk=job_id, status=Status.QUEUED).update(
            status=Status.RUNNING,
            attempt=F("attempt") + 1,
            worker=worker,
            lease_until=now + LEASE,
            started_at=now,
            finished_at=None,
            stage="",
            progress=0,
            message="",
            error="",
            timings={},
        )
        if not won:
            return None
        job = Job.objects.get(pk=job_id)
        announce(job)
    return job


def held(job: Job) -> Q:
    """The condition under which this attempt may still write."""
    return Q(attempt=job.attempt, status=Status.RUNNING)


def finish(job: Job, status: Status, **fields: Any) -> bool:
    """End the attempt, once. False when it was not ours any more."""
    with transaction.atomic():
        if not change(job, held(job), status=status, finished_at=timezone.now(), **fields):
            return False
        row = Job.objects.get(pk=job.pk)
        if status == Status.DONE and (done := _kinds[job.kind].done):
            done(row)
        _ended(row)
    return True


def _ended(job: Job) -> None:
    """Tell its owner's tabs, and once that is committed whoever waited for the end."""
    announce(job)
    transaction.on_commit(lambda: ended.send(sender=Job, job=job), robust=True)


def change(job: Job, condition: Q, **fields: Any) -> bool:
    """One conditional update of the job's row; whoever is not running has no lease."""
    if fields.get("status", Status.RUNNING) != Status.RUNNING:
        fields |= {"lease_until": None, "worker": ""}
    return bool(Job.objects.filter(condition, pk=job.pk).update(**fields))


def cancel(job: Job) -> bool:
    """Ask the job to end: now, if no worker has it, else at its next step. False once it ended."""
    with transaction.atomic():
        if _cancel_now(job, Q(status__in=(Status.QUEUED, Status.WAITING))):
            _ended(Job.objects.get(pk=job.pk))
            return True
        # Queued by now, when `reap` took it up between the two: its next attempt ends at once.
        return change(job, Q(status__in=ACTIVE), cancel_requested=True)


def withdraw(job: Job) -> bool:
    """End the job now, as what it works on is deleted; a worker of it can write nothing more.

    The caller tells of the deletion, in the same transaction, and so of the end.
    """
    return _cancel_now(job, Q(status__in=ACTIVE))


def _cancel_now(job: Job, condition: Q) -> bool:
    ended = {"status": Status.CANCELLED, "finished_at": timezone.now()}
    return change(job, condition, message="Cancelled", **ended)


def retry(job: Job) -> bool:
    """Queue a failed or cancelled job again, with a new attempt. False in any other state."""
    return _requeue(job, Q(status__in=(Status.FAILED, Status.CANCELLED)), losses=0)


def again(job: Job) -> bool:
    """Queue a job that ended, however it ended, with a new attempt. False before its end."""
    return _requeue(job, Q(status__in=ENDED), losses=0)


def wake(job: Job) -> bool:
    """Queue a job that waits. False when it does not wait (any more)."""
    return _requeue(job, Q(status=Status.WAITING))


def _requeue(job: Job, condition: Q, **fields: Any) -> bool:
    with transaction.atomic():
        changed = change(
            job,
            condition,
            status=Status.QUEUED,
            queued_at=timezone.now(),
            cancel_requested=False,
            finished_at=None,
            error="",
            message="Waiting to start",
            **fields,
        )
        if changed:
            announce(Job.objects.get(pk=job.pk))
            transaction.on_commit(lambda: send(job), robust=True)
    return changed


def reap(now: datetime | None = None) -> int:
    """Take up jobs whose lease ran out, and send queued ones whose message is lost.

    Returns how many were taken up. Run every few seconds; two at once do no harm.
    """
    now = now or timezone.now()
    with transaction.atomic():
        lost = Job.objects.filter(status=Status.RUNNING, lease_until__lt=now)
        # A row that is locked is being written, by its worker or another reaper: not lost.
        taken = sum(_take_up(job) for job in lost.select_for_update(skip_locked=True))
    _send_again(now)
    return taken


def _take_up(job: Job) -> bool:
    """What becomes of a job whose worker is gone. Its row is locked."""
    if job.cancel_requested:
        return finish(job, Status.CANCELLED, message="Cancelled")
    if job.losses + 1 >= MOST_LOSSES:
        words = f"The worker was lost {MOST_LOSSES} times while doing this."
        return finish(job, Status.FAILED, message=words, error=words)
    logger.warning("job %s: worker %s is gone, taking it up again", job.pk, job.worker)
    return _requeue(job, held(job), losses=F("losses") + 1)


def _send_again(now: datetime) -> None:
    """Jobs that wait long although nothing is before them in their queue."""
    waiting = Job.objects.filter(older("queued_at", SEND_AGAIN, now), status=Status.QUEUED)
    for name in waiting.order_by("kind").values_list("kind", flat=True).distinct():
        if not _is_empty(_kinds[name].queue):
            continue  # the workers are busy, and would only get more messages of the same jobs
        for job in waiting.filter(kind=name).order_by("queued_at")[:1000]:
            if change(job, Q(status=Status.QUEUED, queued_at=job.queued_at), queued_at=now):
                send(job)


def _is_empty(queue: str) -> bool:
    """Does the broker hold no message for a queue? False when it does not answer."""
    try:
        with current_app.connection_for_write() as broker, broker.channel() as channel:
            return bool(cast(Any, channel).queue_declare(queue).message_count == 0)
    except (KombuError, RedisError, OSError):
        return False


def abandon(worker: str) -> None:
    """Called when a worker starts: what its predecessor of that name held is free at once."""
    Job.objects.filter(status=Status.RUNNING, worker=worker).update(lease_until=timezone.now())


def active(user: User) -> "list[Job]":
    """The jobs that are queued or running and that the user is told of, oldest first."""
    told = Q(owner=user)
    for kind in _kinds.values():
        if kind.audience:
            told |= Q(kind=kind.task, subject__in=kind.audience.subjects(user))
    return list(Job.objects.filter(told, status__in=ACTIVE).order_by("created_at"))
