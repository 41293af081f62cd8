"""`manage.py ingest PATH… --owner NAME`."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from documents.events import STATUSES, status_of
from documents.intake import Refused, take_in
from documents.models import Document
from realtime.models import ACTIVE, Job, Status

POLL = 0.2  # seconds


class Command(BaseCommand):
    help = "Upload files, and folders with all that is in them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--owner", required=True, help="whose documents they become")
        parser.add_argument(
            "--if-duplicate",
            choices=("skip", "replace", "keep"),
            default="skip",
            help="what becomes of content that the owner has already",
        )
        parser.add_argument("--wait", action="store_true", help="until all are processed")
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        self.failed = 0
        try:
            owner = User.objects.get(username=options["owner"])
        except User.DoesNotExist:
            raise CommandError(f"There is no user {options['owner']}.") from None
        waiting: dict[Any, tuple[Path, Document]] = {}
        for path in files(options["paths"]):
            if document := self._take(owner, path, options["if_duplicate"]):
                waiting[document.job_id] = (path, document)
        if options["wait"]:
            self._wait(waiting)
        if self.failed:
            raise CommandError(f"{self.failed} failed.")

    def _take(self, owner: User, path: Path, if_duplicate: Any) -> Document | None:
        try:
            with path.open("rb") as file:
                taken = take_in(owner, file, path.name, if_duplicate)
        except (Refused, OSError) as error:
            words = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else error
            self._say(path, status="FAILED", error=str(words))
            self.failed += 1
            return None
        document = taken.document
        found: dict[str, Any] = {"documentId": str(document.pk), "status": document.status}
        if taken.duplicate_of:
            found["duplicateOf"] = str(taken.duplicate_of)
        self._say(path, **found)
        return document

    def _say(self, path: Path, **found: Any) -> None:
        if self.as_json:
            self.stdout.write(json.dumps({"path": str(path)} | found))
        else:
            same = f"the same as {found['duplicateOf']}" if found.get("duplicateOf") else ""
            words = found.get("error") or found.get("message") or same
            self.stdout.write(f"{path}: {found['status']}" + (f" - {words}" if words else ""))
        self.stdout.flush()

    def _wait(self, waiting: dict[Any, tuple[Path, Document]]) -> None:
        if not self.as_json and self.stdout.isatty():
            ended = self._show_bars(waiting)
        else:
            ended = [job for jobs in polled(list(waiting)) for job in self._lines(jobs, waiting)]
        self.failed += sum(job.status != Status.DONE for job in ended)

    def _lines(self, jobs: list[Job], waiting: dict[Any, tuple[Path, Document]]) -> Iterator[Job]:
        """Say each job that has ended."""
        for job in jobs:
            if job.status in ACTIVE:
                continue
            path, document = waiting[job.pk]
            words = {"error": job.error} if job.error else {"message": job.message}
            self._say(path, documentId=str(document.pk), status=status_of(job), **words)
            yield job

    def _show_bars(self, waiting: dict[Any, tuple[Path, Document]]) -> list[Job]:
        ended: list[Job] = []
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
        )
        console = Console(file=self.stdout)  # type: ignore[arg-type]
        with Progress(*columns, console=console) as progress:
            bars: dict[Any, TaskID] = {
                key: progress.add_task(path.name, total=100, words="")
                for key, (path, _) in waiting.items()
            }
            for jobs in polled(list(waiting)):
                for job in jobs:
                    words = job.error or job.message or STATUSES[Status(job.status)]
                    progress.update(bars[job.pk], completed=job.progress, words=words)
                ended += [job for job in jobs if job.status not in ACTIVE]
        return ended


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those in the folders, by name; hidden ones are left out of folders."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for inner in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in inner.relative_to(path).parts)
            if inner.is_file() and not hidden:
                yield inner


def polled(keys: list[Any]) -> Iterator[list[Job]]:
    """The rows of jobs that have not ended before, every fifth of a second, until all have."""
    while keys:
        jobs = list(Job.objects.filter(pk__in=keys))
        yield jobs
        keys = [job.pk for job in jobs if job.status in ACTIVE]
        if keys:
            time.sleep(POLL)
