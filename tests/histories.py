"""Histories of a person's work, step by step, by the product's own hands; and a client of it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.utils import timezone

from documents.intake import remove, take_in
from documents.models import Document, Share
from documents.sharing import GivenRole, share, unshare
from rag.ask import ask
from rag.events import answer_chunk
from rag.models import Query
from rag.process import AnswerWriter
from realtime import jobs
from realtime.models import Job, Status
from realtime.publish import publish
from realtime.work import Cancelled, Report, Superseded

STAGES = {
    "documents.process": ("EXTRACTING", "CHUNKING", "EMBEDDING", "INDEXING"),
    "rag.answer": ("EMBEDDING", "RETRIEVAL"),
}
LETTERS = "aé漢𝔸"  # of one to four bytes
MOST_JOBS = 8


@dataclass
class Worker:
    """What holds an attempt, and may go on after it was taken for dead."""

    report: Report
    writer: AnswerWriter | None = None
    begun: bool = False


@dataclass
class History:
    """Each step takes a number by which it chooses, and does nothing where it cannot be."""

    owner: User
    other: User | None = None  # with whom the owner shares
    jobs: list[uuid.UUID] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    gone: list[Worker] = field(default_factory=list)

    @property
    def steps(self) -> dict[str, Callable[[int], object]]:
        return {
            "upload": self.upload, "ask": self.ask, "claim": self.claim, "say": self.say,
            "write": self.write, "end": self.end, "cancel": self.cancel, "retry": self.retry,
            "lose": self.lose, "remove": self.remove, "say late": self.say_late,
            "share": self.share, "take back": self.take_back,
        }  # fmt: skip

    # --- The person ---
    def upload(self, _: int) -> None:
        if len(self.jobs) < MOST_JOBS:
            words = ContentFile(uuid.uuid4().bytes)
            self.jobs.append(take_in(self.owner, words, "a.txt").document.job_id)

    def ask(self, _: int) -> None:
        if len(self.jobs) < MOST_JOBS:
            self.jobs.append(ask(self.owner, "What is a bee?").job_id)

    def cancel(self, number: int) -> None:
        if job := self._job(number):
            jobs.cancel(job)

    def retry(self, number: int) -> None:
        if job := self._job(number):
            jobs.retry(job)

    def remove(self, number: int) -> None:
        documents = Document.objects.filter(owner=self.owner)
        if documents:
            remove(documents[number % len(documents)])

    def share(self, number: int) -> None:
        documents = Document.objects.filter(owner=self.owner)
        if documents and self.other:
            role: GivenRole = "editor" if number % 2 else "viewer"
            share(documents[number % len(documents)], self.other.username, role)

    def take_back(self, number: int) -> None:
        shares = Share.objects.filter(document__owner=self.owner).select_related("document", "user")
        if shares:
            taken = shares[number % len(shares)]
            unshare(taken.document, taken)

    # --- The workers ---
    def claim(self, number: int) -> None:
        waiting = self._job(number)
        job = waiting and jobs.claim(str(waiting.pk), "worker@here")
        if job:
            query, report = Query.objects.filter(job=job).first(), Report(job)
            self.workers.append(Worker(report, AnswerWriter(query, report) if query else None))

    def say(self, number: int) -> None:
        """A stage, a percent, or words alone."""

        def work(worker: Worker) -> None:
            stages, stage = STAGES[worker.report.job.kind], worker.report.stage
            if not stage or (number % 3 and stage != "GENERATION"):  # which is the last
                stage = stages[number % len(stages)]
            worker.report(stage, number % 100, f"word {number % 7}")
            worker.report.flush()

        self._work(number, work)

    def write(self, number: int) -> None:
        def work(worker: Worker) -> None:
            if worker.writer:
                worker.report("GENERATION", 70)
                worker.writer.add(LETTERS[number % 4] * (number % 1500))

        self._work(number, work)

    def end(self, number: int) -> None:
        """The work is done, or cannot be."""

        def work(worker: Worker) -> None:
            if number % 3 == 0:
                jobs.finish(worker.report.job, Status.FAILED, error="It failed.")
                raise Superseded
            if worker.writer and worker.report.stage == "GENERATION":
                worker.writer.end()
            if number % 3 == 1:
                jobs.finish(worker.report.job, Status.DONE, progress=100, message="Done")
                raise Superseded

        self._work(number, work)

    def lose(self, number: int) -> None:
        """Workers are taken for dead."""
        past = timezone.now() - timedelta(seconds=1)
        lost = self.jobs[number % 2 :]
        Job.objects.filter(pk__in=lost, status=Status.RUNNING).update(lease_until=past)
        jobs.reap()

    def say_late(self, number: int) -> None:
        """One that was stopped between its last write and the news of it goes on."""
        for worker in (self.workers + self.gone)[-1 - number % 5 :]:
            job = worker.report.job
            if worker.begun and not Job.objects.filter(jobs.held(job), pk=job.pk).exists():
                jobs.announce(job, durable=False)
                if worker.writer:
                    publish(self.owner.pk, answer_chunk(job, "late", 0), job=job)

    def _job(self, number: int) -> Job | None:
        return Job.objects.get(pk=self.jobs[number % len(self.jobs)]) if self.jobs else None

    def _work(self, number: int, step: Callable[[Worker], None]) -> None:
        """As `realtime.work.run` does with what work raises."""
        if not self.workers:
            return
        worker = self.workers[-1 - number % len(self.workers)]
        try:
            if worker.writer and not worker.begun:
                worker.writer.begin()
            worker.begun = True
            step(worker)
        except (Superseded, Cancelled) as end:
            if isinstance(end, Cancelled):
                jobs.finish(worker.report.job, Status.CANCELLED, message="Cancelled")
            self.workers.remove(worker)
            self.gone.append(worker)


class Client:
    """Holds what waits, runs and is being written, by the rules of docs/protocol.md."""

    def __init__(self, snapshot: dict[str, Any], user: User) -> None:
        self.user_id = str(user.pk)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.texts: dict[str, tuple[int, str]] = {}
        for event in snapshot["events"] + snapshot["messages"]:
            self.apply(event)

    @property
    def state(self) -> dict[str, Any]:
        envelope = ("id", "prev", "ts")
        running = {
            name: {field: event[field] for field in event if field not in envelope}
            for name, event in self.jobs.items()
        }
        return running | {f"text of {name}": text for name, text in self.texts.items() if text[1]}

    def apply(self, event: dict[str, Any]) -> None:
        if event["type"] == "message_chunk":
            self._write(event)
        elif event["type"] == "document_shared":
            if event["role"] == "none" and event["userId"] == self.user_id:
                self.jobs.pop(event["documentId"], None)
        else:
            self._move(event)

    def _move(self, event: dict[str, Any]) -> None:
        name, attempt = event.get("documentId") or event["queryId"], event["attempt"]
        waits = "QUEUED" in (event.get("status"), event["stage"])
        seen = self.jobs.get(name, {"attempt": attempt, "progress": 0})
        if attempt < seen["attempt"]:
            return
        over = waits or event["terminal"]
        if attempt == seen["attempt"] and event["progress"] < seen["progress"] and not over:
            return
        if name in self.texts and self.texts[name][0] < attempt + over:
            del self.texts[name]
        if event["terminal"]:
            self.jobs.pop(name, None)
        else:
            self.jobs[name] = event

    def _write(self, event: dict[str, Any]) -> None:
        name, attempt, start = event["messageId"], event["attempt"], event["contentOffset"]
        job = self.jobs.get(event["queryId"])
        written, text = self.texts.get(name, (attempt, ""))
        if attempt < written or (job and attempt < job["attempt"]):
            return
        if attempt > written:
            text = ""
        if start <= len(text):
            end = start + len(event["content"])
            self.texts[name] = (attempt, text[:start] + event["content"] + text[end:])
