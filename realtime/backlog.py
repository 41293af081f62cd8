"""What waits and what runs, of all processes: jobs, their messages at the broker, workers, and
events that the log does not have yet. Everything here is asked within a second or so, or raises."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from celery import current_app
from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from realtime import jobs
from realtime.models import Job, OutboxEvent, Status

MOST_MS = 1000  # for the database to count
TIMEOUTS = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}  # seconds, of the broker
WORKER_SECONDS = 1.0  # to answer; one that is at home does so in a tenth of that


@dataclass(frozen=True)
class JobCount:
    """The jobs of one kind and status. `overdue`: their worker is lost and nobody took them up."""

    kind: str
    status: str
    count: int
    overdue: int
    oldest: datetime  # when the one that waits longest was queued


@dataclass(frozen=True)
class OutboxTable:
    events: int
    age: float  # of the oldest, in seconds; 0 when there is none


def job_counts() -> list[JobCount]:
    """Raises DatabaseError."""
    late = Q(status=Status.RUNNING, lease_until__lt=timezone.now())
    rows = Job.objects.order_by("kind", "status").values_list("kind", "status")
    counted = rows.annotate(
        count=Count("pk"), overdue=Count("pk", filter=late), oldest=Min("queued_at")
    )
    with transaction.atomic():
        _limit()
        return [JobCount(*row) for row in counted]


def outbox_table() -> OutboxTable:
    """State events between their row's commit and the log. Raises DatabaseError."""
    with transaction.atomic():
        _limit()
        found = OutboxEvent.objects.aggregate(events=Count("pk"), oldest=Min("created_at"))
    age = (timezone.now() - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    return OutboxTable(found["events"], max(0.0, age))


def _limit() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {MOST_MS}")


def queue_lengths() -> dict[str, int]:
    """Messages that no worker has taken yet, by queue. Raises KombuError, RedisError, OSError."""
    broker = current_app.connection_for_read(transport_options=TIMEOUTS, connect_timeout=1)
    with broker, broker.channel() as channel:
        declare = cast(Any, channel).queue_declare
        return {queue: declare(queue).message_count for queue in sorted(jobs.queues())}


def workers() -> dict[str, list[str]]:
    """The workers that answer, and the queues each listens to. Raises KombuError, OSError."""
    replies = current_app.control.inspect(timeout=WORKER_SECONDS).active_queues() or {}
    return {
        name: sorted(queue["name"] for queue in queues) for name, queues in sorted(replies.items())
    }
