"""`manage.py jobs list|show|cancel|retry`."""

import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from realtime import jobs
from realtime.models import Job, Status

FIELDS = (
    "kind",
    "subject",
    "status",
    "stage",
    "progress",
    "message",
    "error",
    "attempt",
    "timings",
)
TIMES = ("created_at", "queued_at", "started_at", "finished_at")


def as_json(job: Job) -> dict[str, Any]:
    values = {name: getattr(job, name) for name in FIELDS + TIMES}
    return {"jobId": str(job.pk), "owner": job.owner.get_username()} | values


class Command(BaseCommand):
    help = "List jobs, show one, cancel or retry some."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("list", "show", "cancel", "retry"))
        parser.add_argument("ids", nargs="*", help="job ids, for show, cancel and retry")
        parser.add_argument("--owner", help="only this person's")
        parser.add_argument("--status", choices=[s.lower() for s in Status.values])
        parser.add_argument("--limit", type=int, default=50)
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "list":
            return self._list(options)
        if not options["ids"]:
            raise CommandError(f"Say which: manage.py jobs {options['action']} JOB_ID …")
        found = [self._find(job_id) for job_id in options["ids"]]
        if options["action"] == "show":
            for job in found:
                self.stdout.write(
                    json.dumps(as_json(job), default=str, indent=None if options["json"] else 2)
                )
            return None
        return self._act(options["action"], found, options["json"])

    def _list(self, options: dict[str, Any]) -> None:
        rows = Job.objects.select_related("owner")
        if options["owner"]:
            rows = rows.filter(owner__username=options["owner"])
        if options["status"]:
            rows = rows.filter(status=options["status"].upper())
        if options["json"]:
            for job in rows[: options["limit"]]:
                self.stdout.write(json.dumps(as_json(job), default=str))
            return
        table = Table("job", "kind", "owner", "status", "stage", "%", "message", box=None)
        for job in rows[: options["limit"]]:
            table.add_row(
                str(job.pk), job.kind, job.owner.get_username(), job.status, job.stage,
                str(job.progress), job.error or job.message,
            )  # fmt: skip
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]

    def _find(self, job_id: str) -> Job:
        try:
            return Job.objects.select_related("owner").get(pk=UUID(job_id))
        except (ValueError, Job.DoesNotExist):
            raise CommandError(f"There is no job {job_id}.") from None

    def _act(self, action: str, found: list[Job], as_lines: bool) -> None:
        act = jobs.cancel if action == "cancel" else jobs.retry
        refused = []
        for job in found:
            done = act(job)
            if not done:
                refused.append(f"{job.pk} is {Job.objects.get(pk=job.pk).status}")
            if as_lines:
                self.stdout.write(json.dumps({"jobId": str(job.pk), "done": done}))
            elif done:
                self.stdout.write(f"{job.pk}: {'asked to end' if action == 'cancel' else 'queued'}")
        if refused:
            raise CommandError(f"Cannot {action}: {'; '.join(refused)}.")
