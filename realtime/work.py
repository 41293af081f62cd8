"""Inside a worker: `run` a claimed job, and the `report` that its work receives."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import current_task
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from realtime.jobs import LEASE, announce, change, claim, finish, held
from realtime.models import Job, Status
from realtime.turns import next_job

logger = logging.getLogger(__name__)

RATE = 0.25  # seconds between two reports of percent alone
WORDS_RATE = 1.0  # seconds between two reports of a message alone
RENEW = LEASE.total_seconds() / 4
STALLED = 600  # seconds without a word from the work: its lease is renewed no longer


class Failure(Exception):
    """The work cannot be done; `str()` is what its owner is told."""


class Cancelled(Exception):
    """The owner asked for the end."""


class Superseded(Exception):
    """Another attempt holds the job; this one must write nothing more."""


class Paused(Exception):
    """The job waits for a person: its worker has let go of it."""


class Report:
    """What work says of itself: `report(stage, progress, message)`.

    Progress is in percent of the whole job and never falls. A new stage is written and sent at
    once; percent alone at most four times a second, and the last of a stage is never left out.
    Raises Cancelled and Superseded, as do `check` and `fence`; work lets them pass.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stage = ""
        self.heard = time.monotonic()
        self._began = self._written = self._checked = 0.0
        self._progress = 0
        self._pending: tuple[int, str] | None = None
        self._timings: dict[str, int] = {}

    def __call__(self, stage: str, progress: int, message: str = "") -> None:
        self.heard = time.monotonic()
        progress = max(self._progress, min(progress, 100))
        if stage != self.stage:
            self.flush()
            self._count_time(stage)
            self._write(progress, message, durable=True)
        else:
            self._pending = (progress, message)
            self.check()

    def flush(self) -> None:
        """Write what the rate has held back."""
        if self._pending:
            progress, message = self._pending
            self._write(progress, message)

    def check(self) -> None:
        """Is this attempt still wanted? Asks the database at most four times a second."""
        self.heard = now = time.monotonic()
        if self._pending:
            rate = RATE if self._pending[0] > self._progress else WORDS_RATE
            if now - self._written >= rate:
                self.flush()
                return
        if now - self._checked < RATE:
            return
        self.look()

    def look(self) -> None:
        """Is this attempt still wanted? Asks the database."""
        self.heard = self._checked = time.monotonic()
        self._raise_unless_held(Job.objects.filter(pk=self.job.pk).first())

    @contextmanager
    def fence(self, *, also_cancelled: bool = False) -> Iterator[Job]:
        """A transaction in which this attempt alone can write: all writes of work go inside.

        It is a sign of life, and renews a lease that has become short while the database was away.
        `also_cancelled`: to keep what is there, when the job was asked to end.
        """
        with transaction.atomic():
            row = Job.objects.select_for_update().filter(pk=self.job.pk).first()
            job = self._raise_unless_held(row, also_cancelled=also_cancelled)
            self.heard, now = time.monotonic(), timezone.now()
            if job.lease_until and job.lease_until < now + LEASE / 2:
                change(job, held(job), lease_until=now + LEASE)
            yield job

    def pause(self, message: str, is_needed: Callable[[], bool]) -> None:
        """Let go of the job until `jobs.wake`, and raise Paused.

        Returns when the wait is not needed any more, as `is_needed` says while nobody else can
        change the job.
        """
        with self.fence() as job:
            if not is_needed():
                return
            change(job, held(job), status=Status.WAITING, message=message[:500])
            announce(Job.objects.get(pk=job.pk))
        raise Paused

    def timings(self) -> dict[str, int]:
        """Milliseconds by stage, up to now."""
        self._count_time("")
        return self._timings

    def _raise_unless_held(self, job: Job | None, *, also_cancelled: bool = False) -> Job:
        if job is None or job.attempt != self.job.attempt or job.status != Status.RUNNING:
            raise Superseded
        if job.cancel_requested and not also_cancelled:
            raise Cancelled
        return job

    def _count_time(self, next_stage: str) -> None:
        now = time.monotonic()
        if self.stage:
            spent = round((now - self._began) * 1000)
            self._timings[self.stage] = self._timings.get(self.stage, 0) + spent
        self.stage, self._began = next_stage, now

    def _write(self, progress: int, message: str, *, durable: bool = False) -> None:
        self._progress, self._pending, self._written = progress, None, time.monotonic()
        fields = {
            "stage": self.stage,
            "progress": progress,
            "message": message[:500],
            "timings": dict(self._timings),
            "lease_until": timezone.now() + LEASE,
        }
        with transaction.atomic():
            wanted = held(self.job) & Q(cancel_requested=False)
            if not change(self.job, wanted, **fields):
                self._raise_unless_held(Job.objects.filter(pk=self.job.pk).first())
            for name, value in fields.items():
                setattr(self.job, name, value)
            self.job.status = Status.RUNNING
            announce(self.job, durable=durable)


class SilentReport(Report):
    """For work outside a job: nobody is told, nobody can cancel."""

    def __init__(self) -> None:
        super().__init__(Job())

    def __call__(self, stage: str, progress: int, message: str = "") -> None:
        if stage != self.stage:
            self._count_time(stage)

    def check(self) -> None: ...

    @contextmanager
    def fence(self, *, also_cancelled: bool = False) -> Iterator[Job]:
        with transaction.atomic():
            yield self.job


def run(job_id: str, work: Callable[[uuid.UUID, Report], str]) -> None:
    """Claim the job and do its work; a job that is not queued is left alone.

    `work(subject, report)` returns the closing message.
    """
    if job := claim(job_id, _worker()):
        _do(job, work)
    else:
        logger.info("job %s is not waiting: nothing to do", job_id)


def run_next(kind: str, work: Callable[[uuid.UUID, Report], str]) -> None:
    """As `run`, with the job of a kind whose owner's turn it is; see `realtime.turns`."""
    while job_id := next_job(kind):
        if job := claim(str(job_id), _worker()):  # else another worker was faster
            return _do(job, work)
    logger.info("no %s waits: nothing to do", kind)
    return None


def _worker() -> str:
    return (current_task and current_task.request.hostname) or ""


def _do(job: Job, work: Callable[[uuid.UUID, Report], str]) -> None:
    report = Report(job)
    with _lease(report):
        try:
            message = work(job.subject, report)
            report.flush()
        except Paused:
            logger.info("job %s waits for its owner", job.pk)
        except Superseded:
            logger.warning("job %s: attempt %d was superseded", job.pk, job.attempt)
        except Cancelled:
            finish(job, Status.CANCELLED, message="Cancelled", timings=report.timings())
        except Failure as failure:
            _fail(report, str(failure))
        except (OperationalError, InterfaceError):
            # Nothing can be said of the job either: its lease runs out, and it is taken up again.
            logger.exception("job %s: the database is away", job.pk)
        except Exception:
            reference = uuid.uuid4().hex[:8]
            logger.exception("job %s failed, reference %s", job.pk, reference)
            _fail(report, f"Something went wrong on our side (reference {reference}).")
        else:
            finish(job, Status.DONE, progress=100, message=message[:500], timings=report.timings())


def _fail(report: Report, words: str) -> None:
    finish(report.job, Status.FAILED, error=words, message=words[:500], timings=report.timings())


@contextmanager
def _lease(report: Report) -> Iterator[None]:
    """Renew the lease from a thread, as long as the work gives a sign of life now and then."""
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(report, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1)  # it may wait for a database that is away; what it then writes is refused


def _renew(report: Report, ended: threading.Event) -> None:
    while not ended.wait(RENEW) and time.monotonic() - report.heard < STALLED:
        try:
            change(report.job, held(report.job), lease_until=timezone.now() + LEASE)
        except OperationalError as error:
            logger.warning("job %s: lease not renewed: %s", report.job.pk, error)
        finally:
            connection.close()
