"""Work that speaks to people's tabs: jobs that report and texts that grow, until stdin says stop.

    manage.py shell --command "from tests.chaos.publisher import main; main(JOURNAL, OFFSET, NAME…)"

Real jobs, run by `realtime.work.run` as in a worker, on subjects that do not exist; what each says
carries a mark, `#n`. A line on stdin holds all work where it is, the end of stdin ends it. The
journal has a line for each mark that was said: whose it is, whether it must not be lost, and when
saying it began and ended, by the monotonic clock plus OFFSET: the other one may be stepped.
"""

import itertools
import json
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import IO

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from realtime import jobs, work
from realtime.events import MessageChunk
from realtime.models import Job, Status
from realtime.publish import publish
from realtime.work import Report

KIND = "documents.process"
JOBS_AT_ONCE = 4  # of each person
STAGES = ("EXTRACTING", "CHUNKING", "EMBEDDING", "INDEXING")
STAGE_SECONDS, STEP = 0.6, 0.05
PIECES_PER_SECOND = 20
SURE_EACH = 5  # every so many pieces of a text must not be lost


class Journal:
    def __init__(self, file: IO[str], offset: float) -> None:
        self._file, self._offset = file, offset
        self._lock = threading.Lock()
        self._marks = itertools.count(1)

    def mark(self) -> tuple[str, float]:
        """A new mark, and now."""
        return f"#{next(self._marks)}", self._now()

    def _now(self) -> float:
        return time.monotonic() + self._offset

    def said(
        self, user: User, mark: str, began: float, *, durable: bool, job: Job | None = None
    ) -> None:
        of_job = {"subject": str(job.subject), "attempt": job.attempt} if job else {}
        line = {"user": user.username, "mark": mark, "durable": durable} | of_job
        with self._lock:
            self._file.write(json.dumps(line | {"began": began, "at": self._now()}) + "\n")
            self._file.flush()


class Worker:
    """What works for one person; see the module's text."""

    def __init__(self, user: User, journal: Journal) -> None:
        self._user = user
        self._journal = journal
        self.paused, self.ended = threading.Event(), threading.Event()
        tasks = [self._jobs] * JOBS_AT_ONCE + [self._text]
        self.threads = [threading.Thread(target=task, daemon=True) for task in tasks]
        for thread in self.threads:
            thread.start()

    def _jobs(self) -> None:
        while not self.ended.is_set():
            with transaction.atomic():
                mark, began = self._journal.mark()
                job = Job.objects.create(
                    owner=self._user,
                    kind=KIND,
                    subject=uuid.uuid4(),
                    message=mark,
                    queued_at=timezone.now(),
                )
                jobs.announce(job)
            self._journal.said(self._user, mark, began, durable=True, job=job)
            self._run(job)

    def _run(self, job: Job) -> None:
        closing = self._journal.mark()

        def task(_: uuid.UUID, report: Report) -> str:
            nonlocal closing
            self._work(report)
            closing = self._journal.mark()
            return closing[0]

        work.run(str(job.pk), task)
        mark, began = closing
        # It may have been taken from us, and then nothing was said.
        if ended := Job.objects.filter(pk=job.pk, status=Status.DONE, message=mark).first():
            self._journal.said(self._user, mark, began, durable=True, job=ended)

    def _work(self, report: Report) -> None:
        steps = round(STAGE_SECONDS / STEP)
        for number, stage in enumerate(STAGES):
            self._say(report, stage, number * 25, durable=True)
            for step in range(1, steps):
                self._pause(STEP, report)
                self._say(report, stage, number * 25 + 25 * step // steps, durable=False)

    def _say(self, report: Report, stage: str, progress: int, *, durable: bool) -> None:
        mark, began = self._journal.mark()
        report(stage, progress, mark)
        self._journal.said(self._user, mark, began, durable=durable, job=report.job)

    def _text(self) -> None:
        message, offset = str(uuid.uuid4()), 0
        for number in itertools.count():
            if self.ended.is_set():
                return
            (mark, began), durable = self._journal.mark(), number % SURE_EACH == 0
            piece = MessageChunk(
                message_id=message,
                session_id="",
                content=mark,
                is_complete=False,
                content_offset=offset,
            )
            offset += len(mark)
            publish(self._user.pk, piece, durable=durable)
            self._journal.said(self._user, mark, began, durable=durable)
            self._pause(1 / PIECES_PER_SECOND)

    def _pause(self, seconds: float, report: Report | None = None) -> None:
        if self.ended.wait(seconds):
            return
        if self.paused.is_set() and report:
            report.flush()
        while self.paused.is_set() and not self.ended.wait(0.05):
            pass


def main(path: str, offset: float, *names: str) -> None:
    with Path(path).open("a") as file:
        journal = Journal(file, offset)
        workers = [Worker(User.objects.get(username=name), journal) for name in names]
        print("working", flush=True)  # noqa: T201
        for _ in sys.stdin:
            for worker in workers:
                worker.paused.set()
            print("paused", flush=True)  # noqa: T201
        for worker in workers:
            worker.ended.set()
        for thread in itertools.chain(*(worker.threads for worker in workers)):
            thread.join(20)
