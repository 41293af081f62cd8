"""`manage.py reindex --owner NAME`."""

import json
import time
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rag.reindex import begin
from realtime.models import ACTIVE, Job, Status

POLL = 0.2  # seconds


class Command(BaseCommand):
    help = (
        "Embed all documents with the model that the settings name, beside the vectors there are, "
        "and switch to it at once. A worker does it; questions are answered meanwhile as before."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", help="who can follow the job; else the first superuser")
        parser.add_argument("--no-wait", action="store_true", help="only begin")
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        people = User.objects.order_by("pk")
        owner = (
            people.filter(username=options["owner"]).first()
            if options["owner"]
            else people.filter(is_superuser=True).first()
        )
        if owner is None:
            raise CommandError("There is no such user. Name one with --owner.")
        job = begin(owner)
        said = ""
        while True:
            job = Job.objects.get(pk=job.pk)
            line = self._line(job, as_json=options["json"])
            if line != said:
                self.stdout.write(line)
                self.stdout.flush()
                said = line
            if options["no_wait"] or job.status not in ACTIVE:
                break
            time.sleep(POLL)
        if job.status not in (*ACTIVE, Status.DONE):
            raise CommandError(job.error or "It was cancelled.")

    def _line(self, job: Job, *, as_json: bool) -> str:
        if as_json:
            fields = ("status", "stage", "progress", "message")
            return json.dumps(
                {"jobId": str(job.pk)} | {name: getattr(job, name) for name in fields}
            )
        return f"{job.stage or job.status} {job.progress} % {job.message}"
