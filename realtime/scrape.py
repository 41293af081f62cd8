"""`GET /metrics` for Prometheus: what `realtime.metrics` holds, and what is looked up on the way.

The numbers of connections are of the process that answers. What is of the whole product (jobs,
queues, workers, the outbox table) is the same from every process: it is asked of PostgreSQL and the
broker, at most once in a few seconds, and left out while they do not answer.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError
from ninja.errors import AuthenticationError
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from redis import RedisError

from realtime import backlog, jobs
from realtime.api_auth import TokenAuth
from realtime.models import ENDED, Status
from realtime.problems import Problem, document
from realtime.sockets import everywhere

logger = logging.getLogger(__name__)

FRESH = 5.0  # seconds that what was looked up is good for

Families = list[GaugeMetricFamily]
_token = TokenAuth()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For staff, by session or by a token with the scope `read`."""
    try:
        user = _token(request) or request.user
    except AuthenticationError:
        return document(Problem(401, "This token is not valid"))
    except Problem as problem:
        return document(problem)
    if not user.is_staff:
        return document(Problem(404, "Not found"))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(REGISTRY), content_type=content_type)


class Connections(Collector):
    """The open connections of this process."""

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        open_now = everywhere()
        kinds = _family("realtime_sockets_open", "Open connections.", "kind")
        for kind in ("websocket", "sse"):
            kinds.add_metric([kind], sum(socket.kind == kind for socket in open_now))
        yield kinds
        lags = [socket.delivery.lag for socket in open_now]
        outboxes = [socket.delivery.outbox for socket in open_now]
        events, sizes = ([outbox[n] for outbox in outboxes] for n in (0, 1))
        for name, words, values in (
            ("outbox_events", "Events that were sent and not acknowledged", events),
            ("outbox_bytes", "Bytes that were sent and not acknowledged", sizes),
            ("cursor_lag_events", "Events between clients' cursors and their streams' heads", lags),
        ):
            yield _gauge(f"realtime_{name}", f"{words}, of all connections.", sum(values))
            most = max(values, default=0)
            yield _gauge(f"realtime_{name}_max", f"{words}, of the one that has most.", most)


class Shared(Collector):
    """What is the same whichever process is asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Families = []
        self._found_at = -FRESH

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []

    def collect(self) -> Families:
        with self._lock:
            if time.monotonic() - self._found_at >= FRESH:
                self._found, self._found_at = list(_look_up()), time.monotonic()
            return self._found


def _look_up() -> Iterator[GaugeMetricFamily]:
    answered = _family("realtime_part_answered", "1 if it could be asked just now.", "part")
    for part, ask in PARTS.items():
        try:
            yield from ask()
            answered.add_metric([part], 1)
        except (DatabaseError, KombuError, RedisError, OSError) as error:
            logger.warning("%s cannot be asked for metrics: %s", part, error)
            answered.add_metric([part], 0)
    yield answered


def _jobs() -> Families:
    rows, now = backlog.job_counts(), timezone.now()
    counts = _family("realtime_jobs", "Jobs, by kind and status.", "kind", "status")
    waiting = _family(
        "realtime_jobs_oldest_queued_seconds", "How long the longest waiting job waits.", "kind"
    )
    for row in rows:
        counts.add_metric([row.kind, row.status], row.count)
        if row.status == Status.QUEUED:
            waiting.add_metric([row.kind], max(0.0, (now - row.oldest).total_seconds()))
    overdue = sum(row.overdue for row in rows if row.status not in ENDED)
    words = "Running jobs whose worker is lost and which nobody has taken up yet."
    return [counts, waiting, _gauge("realtime_jobs_overdue", words, overdue)]


def _outbox_table() -> Families:
    table = backlog.outbox_table()
    words = "Events that are committed and not in the log"
    return [
        _gauge("realtime_outbox_table_events", f"{words}.", table.events),
        _gauge("realtime_outbox_table_oldest_seconds", f"{words}: age of the oldest.", table.age),
    ]


def _queues() -> Families:
    words = "Messages that no worker has taken yet."
    queues = _family("realtime_queue_messages", words, "queue")
    for queue, length in backlog.queue_lengths().items():
        queues.add_metric([queue], length)
    return [queues]


def _workers() -> Families:
    listening = [queue for queues in backlog.workers().values() for queue in queues]
    workers = _family("realtime_workers", "Workers that answer, by queue.", "queue")
    for queue in sorted({*listening, *jobs.queues()}):
        workers.add_metric([queue], listening.count(queue))
    return [workers]


def _family(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, labels=labels)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


PARTS: dict[str, Callable[[], Families]] = {
    "jobs": _jobs,
    "outbox table": _outbox_table,
    "queues": _queues,
    "workers": _workers,
}
REGISTRY.register(Connections())
REGISTRY.register(Shared())
