"""The status page, for staff: parts, workers, queues, jobs, live connections, and the self-test."""

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, NamedTuple, get_args

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError
from redis import RedisError

from demo.account import device_words
from demo.health import CHECKS, answers
from demo.templatetags.page import status
from realtime import backlog, connections, self_test_runs
from realtime.events import TestStage
from realtime.models import ApiToken, Job, Session, Status
from realtime.pages import Context, live_page, owner
from realtime.roll_call import Row

logger = logging.getLogger(__name__)

TESTS = 5  # that are shown
NAMES = {"postgresql": "PostgreSQL"}  # of parts, where a capital letter does not make it right

# Of jobs, where one word would say the same of two states.
WAITS: dict[str, str] = {
    Status.QUEUED: "Waiting for a worker",
    Status.WAITING: "Waiting for a person, or its turn",
}

Page = Callable[..., HttpResponse]


class Connection(NamedTuple):
    """One connection, for the eyes of staff: `device` is what its session or token is known as."""

    row: Row
    device: str
    since: datetime


class Test(NamedTuple):
    """One self-test; `steps` are stages with the milliseconds each took, in order."""

    job: Job
    steps: list[tuple[str, int]]


def staff_page(template: str) -> Callable[[Callable[..., Context]], Page]:
    """A live page that is not there for others than staff."""

    def decorate(view: Callable[..., Context]) -> Page:
        shown = live_page(template)(view)

        @require_safe
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not request.user.is_staff:
                raise Http404
            return shown(request, *args, **kwargs)

        return page

    return decorate


@staff_page("demo/status.html")
def status_page(request: HttpRequest) -> Context:
    return _connections() | _system() | _tests(_mine(request)[:TESTS])


@staff_page("demo/_connections.html")
def connections_part(request: HttpRequest) -> Context:
    return _connections()


@staff_page("demo/_system.html")
def system_part(request: HttpRequest) -> Context:
    return _system()


@staff_page("demo/_self_tests.html")
def tests_part(request: HttpRequest) -> Context:
    return _tests(_mine(request)[:TESTS])


@staff_page("demo/_self_test_rows.html")
def tests_rows(request: HttpRequest) -> Context:
    """The rows named by `?id=`."""
    try:
        ids = [uuid.UUID(text) for text in request.GET.getlist("id")[:100]]
    except ValueError:
        ids = []
    return _tests(_mine(request).filter(subject__in=ids))


def _mine(request: HttpRequest) -> QuerySet[Job]:
    return self_test_runs.tests_of(owner(request))


def _tests(jobs: Iterable[Job]) -> Context:
    return {"tests": [Test(job, _steps(job)) for job in jobs]}


def _steps(job: Job) -> list[tuple[str, int]]:
    return [(stage, job.timings[stage]) for stage in get_args(TestStage) if stage in job.timings]


def _connections() -> Context:
    try:
        found = connections.connections()
    except RedisError as error:
        logger.warning("who is connected is not known: %s", error)
        return {"found": None}
    names = _names(found.rows)
    rows = [
        Connection(row, names.get(row.grant, ""), datetime.fromtimestamp(row.since, UTC))
        for row in found.rows
    ]
    sums = {field: found.sum(field) for field in ("lag", "events", "size")}
    kinds = {kind: found.count_of(kind) for kind in ("websocket", "sse")}
    return {"found": found, "connections": rows, **sums, **kinds}


def _names(rows: Iterable[Row]) -> dict[str, str]:
    """What the grants of connections are known as."""
    ids: dict[str, list[str]] = {"session": [], "token": []}
    for row in rows:
        kind, _, pk = row.grant.partition(":")
        ids[kind].append(pk)
    sessions = Session.objects.filter(pk__in=ids["session"]).values_list("pk", "user_agent")
    tokens = ApiToken.objects.filter(pk__in=ids["token"]).values_list("pk", "name")
    return {f"session:{pk}": device_words(agent) for pk, agent in sessions} | {
        f"token:{pk}": f"Token “{name}”" for pk, name in tokens
    }


def _system() -> Context:
    parts = {
        NAMES.get(name, name.capitalize()): answers(check)
        for name, check in CHECKS.items()
        if name != "workers"
    }
    counts = backlog.job_counts()
    of_status: Counter[str] = Counter()
    for row in counts:
        of_status[row.status] += row.count
    waiting = [row.oldest for row in counts if row.status == Status.QUEUED]
    outbox = backlog.outbox_table()
    return {
        "parts": parts,
        "workers": _answer(backlog.workers),
        "queues": _answer(backlog.queue_lengths),
        "jobs": [(WAITS.get(name) or status(name), of_status[name]) for name in Status.values],
        "longest_wait": timezone.now() - min(waiting) if waiting else None,
        "overdue": sum(row.overdue for row in counts),
        "outbox": outbox,
        "outbox_age": timedelta(seconds=outbox.age),
    }


def _answer(ask: Callable[[], Any]) -> Any:
    """Of the broker; None when it does not answer."""
    try:
        return ask()
    except (KombuError, RedisError, OSError) as error:
        logger.warning("the broker does not answer: %s", error)
        return None
