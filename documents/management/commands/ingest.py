"""`manage.py ingest PATH… --owner NAME`."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from watchfiles import watch

from documents.events import status_of
from documents.intake import TooMany, check_room
from documents.models import Document
from documents.progress import FEW, show_bars
from documents.sync import Found, files, gone, is_hidden, sync_file
from realtime.models import ACTIVE, Job, Status

POLL, POLL_MANY = 0.2, 1.0  # seconds
LOOK = 1000  # milliseconds without a change, in which what ended is told
WORDS = {"same": "unchanged", "moved": "moved, otherwise unchanged", "gone": "the file is gone"}


class Command(BaseCommand):
    help = (
        "Upload files, and folders with all that is in them. Done again, what has not changed is "
        "left, what has is replaced, and what is gone is told."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--owner", required=True, help="whose documents they become")
        parser.add_argument(
            "--if-duplicate",
            choices=("skip", "replace", "keep"),
            default="skip",
            help="what becomes of content that the owner has already",
        )
        parser.add_argument(
            "--delete", action="store_true", help="remove documents whose files are gone"
        )
        parser.add_argument("--wait", action="store_true", help="until all are processed")
        parser.add_argument(
            "--watch", action="store_true", help="go on with what changes, until Ctrl-C"
        )
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        self.if_duplicate, self.delete = options["if_duplicate"], options["delete"]
        self.failed = 0
        self.waiting: dict[Any, tuple[Path, Document]] = {}
        try:
            self.owner = User.objects.get(username=options["owner"])
        except User.DoesNotExist:
            raise CommandError(f"There is no user {options['owner']}.") from None
        self._sync(files(options["paths"]), [p for p in options["paths"] if p.is_dir()])
        if options["watch"]:
            with suppress(KeyboardInterrupt):  # it may come while rows are read, too
                self._watch(options["paths"])
            return None
        if options["wait"]:
            self._wait()
        if self.failed:
            raise CommandError(f"{self.failed} failed.")
        return None

    def _sync(self, paths: Iterable[Path], places: Iterable[Path]) -> None:
        """Take in what is new or changed of the paths, and tell what is gone from the places."""
        for path in paths:
            self._wait_for_room()
            self._tell(sync_file(self.owner, path, self.if_duplicate))
        for found in gone(self.owner, places, delete=self.delete):
            self._tell(found)

    def _wait_for_room(self) -> None:
        while True:
            try:
                return check_room(self.owner)
            except TooMany as error:
                if not self.as_json:
                    self.stderr.write(str(error))
                time.sleep(error.seconds)

    def _tell(self, found: Found) -> None:
        if found.what in ("changed", "removed"):  # what came of this file before is not waited for
            source = found.path.resolve()
            earlier = [key for key, (path, _) in self.waiting.items() if path.resolve() == source]
            for key in earlier:
                del self.waiting[key]
        if found.document and found.is_taken:
            self.waiting[found.document.job_id] = (found.path, found.document)
        if found.what == "failed":
            self.failed += 1
            return self._say(found.path, status="FAILED", error=found.words)
        assert found.document
        pk, status = str(found.document.pk), found.document.status
        said = {"documentId": pk, "status": "DELETED" if found.what == "removed" else status}
        if found.what == "there":
            said["duplicateOf"] = pk
        return self._say(found.path, **said, change=found.what)

    def _say(self, path: Path, **said: Any) -> None:
        if self.as_json:
            self.stdout.write(json.dumps({"path": str(path)} | said))
        else:
            same = f"the same as {said['duplicateOf']}" if said.get("duplicateOf") else ""
            change = WORDS.get(said.get("change", ""), "")
            words = said.get("error") or said.get("message") or same or change
            self.stdout.write(f"{path}: {said['status']}" + (f" - {words}" if words else ""))
        self.stdout.flush()

    # --- Until all are processed ------------------------------------------------------------------
    def _wait(self) -> None:
        if not self.as_json and self.stdout.isatty():
            names = {key: path.name for key, (path, _) in self.waiting.items()}
            ended = show_bars(names, polled(list(self.waiting)), self.stdout)
            self.failed += sum(job.status != Status.DONE for job in ended)
            return
        for jobs in polled(list(self.waiting)):
            self._tell_ended(jobs)

    def _tell_ended(self, jobs: Iterable[Job]) -> None:
        """Say each job that has ended, once."""
        for job in jobs:
            if job.status in ACTIVE or job.pk not in self.waiting:
                continue
            path, document = self.waiting.pop(job.pk)
            self.failed += job.status != Status.DONE
            words = {"error": job.error} if job.error else {"message": job.message}
            self._say(path, documentId=str(document.pk), status=status_of(job), **words)

    # --- For ever ---------------------------------------------------------------------------------
    def _watch(self, roots: list[Path]) -> None:
        """Follow changes; between them, tell what ended. Ends with Ctrl-C."""
        following = watch(*roots, rust_timeout=LOOK, yield_on_timeout=True, raise_interrupt=False)
        for changes in following:
            changed = sorted({Path(path) for _, path in changes})
            visible = [path for path in changed if not any(_hides(path, root) for root in roots)]
            self._sync([path for path in visible if path.is_file()], visible)
            self._tell_ended(Job.objects.filter(pk__in=list(self.waiting)))


def _hides(path: Path, root: Path) -> bool:
    root = root.resolve()
    return path.resolve().is_relative_to(root) and is_hidden(path.resolve(), root)


def polled(keys: list[Any]) -> Iterator[list[Job]]:
    """The rows of jobs that have not ended before, every fifth of a second, until all have. Of many
    only those that do not wait any more, every second: their worker needs the machine."""
    while keys:
        states = dict(Job.objects.filter(pk__in=keys).values_list("pk", "status"))
        are_many = len(states) > FEW
        wanted = [pk for pk, state in states.items() if not (are_many and state == Status.QUEUED)]
        jobs = list(Job.objects.filter(pk__in=wanted))
        yield jobs
        ended = {job.pk for job in jobs if job.status not in ACTIVE}
        keys = [pk for pk in states if pk not in ended]
        if keys:
            time.sleep(POLL_MANY if are_many else POLL)
