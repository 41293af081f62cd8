"""`manage.py installmcp SERVER --host NAME --directory PATH --owner NAME`."""

import getpass
import json
import sys
import time
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mcp_install import catalogue, installs, run_log
from mcp_install.events import progress_of, stage_of
from mcp_install.models import CatalogServer, Installation, SshHost
from mcp_install.states import PlanState, plan_state
from mcp_install.troubles import Trouble, as_dict
from realtime import jobs
from realtime.models import Status

LOOK_SECONDS = 0.1


class Command(BaseCommand):
    help = (
        "Install an MCP server on a person's host, or put this version in place of the one that is "
        "there. Ctrl-C cancels, and removes what was half made; twice leaves it running."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("server", help="a name in the catalogue, or the end of one, as: time")
        parser.add_argument("--host", required=True, help="the host's name")
        parser.add_argument("--directory", required=True, help="the folder for servers, as ~/mcp")
        parser.add_argument("--owner", required=True, help="whose host")
        parser.add_argument("--server-version", default="", help="the catalogue's latest without")
        pairs: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME=VALUE"}
        parser.add_argument("--argument", **pairs, help="for the server")
        parser.add_argument("--environment", **pairs, help="a variable for the server")
        parser.add_argument(
            "--secret", action="append", default=[], metavar="NAME",
            help="a variable whose value is read from the terminal or standard input",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        try:
            wish = self._planned(options)
            self._show_plan(wish)
            if options["dry_run"]:
                return
            run = installs.begin(wish.host.owner, wish, wish.plan.hash)
        except Trouble as trouble:
            if self.as_json:
                self._line(as_dict(trouble))
            raise CommandError(str(trouble)) from None
        self._follow(run)

    def _planned(self, options: dict[str, Any]) -> installs.Planned:
        name, host = options["owner"], options["host"]
        try:
            owner = User.objects.get(username=name)
            found = SshHost.objects.get(owner=owner, name=host)
            entry = catalogue.find(owner, options["server"], options["server_version"])
        except User.DoesNotExist:
            raise CommandError(f"There is no user {name}.") from None
        except SshHost.DoesNotExist:
            raise CommandError(f"{name} has no host {host}: see manage.py mcphosts.") from None
        except CatalogServer.DoesNotExist:
            raise CommandError(f"The catalogue has no server {options['server']}.") from None
        environment = _pairs(options["environment"])
        for variable in options["secret"]:
            environment[variable] = _secret(variable)
        return installs.planned(
            installs.known(found),
            entry,
            options["directory"],
            version=options["server_version"],
            arguments=_pairs(options["argument"]),
            environment=environment,
        )

    def _show_plan(self, wish: installs.Planned) -> None:
        told = plan_state(wish.plan, wish.action)
        if self.as_json:
            self._line({"plan": PlanState(**told).model_dump(mode="json", by_alias=True)})
            return
        self.stdout.write(f"{wish.plan.title} {wish.plan.version} on {wish.host.name}:")
        for step in told["steps"]:
            self.stdout.write(f"  {step['stage']:<10} {step['command']}")
        for warning in told["warnings"]:
            self.stdout.write(f"  Note: {warning}")

    def _follow(self, run: Installation) -> None:
        """Until it ends; what it prints is shown as it comes."""
        self._seen, self._said = 0, ("", 0, "")
        is_cancelled = False
        while True:
            try:
                while not self._is_over(run):
                    time.sleep(LOOK_SECONDS)
                break
            except KeyboardInterrupt:
                if is_cancelled:
                    raise CommandError("It goes on without you. See it under Servers.") from None
                is_cancelled = True
                jobs.cancel(run.job)
        job = run.job
        if job.status != Status.DONE:
            raise CommandError(job.error or "Cancelled.")
        if not self.as_json:
            self.stdout.write(job.message)

    def _is_over(self, run: Installation) -> bool:
        run.job.refresh_from_db()  # before its log, which is then complete
        is_over, job = not run.job.is_active, run.job
        said = stage_of(job), progress_of(job), job.error or job.message
        if said != self._said and not is_over:
            self._say_state(run, *said)
        for piece in run_log.pieces(run, self._seen):
            self._seen = piece.offset + len(piece.text)
            if self.as_json:
                self._line({"output": piece.text, "outputOffset": piece.offset})
            else:
                self.stdout.write(piece.text.replace("\r\n", "\n"), ending="")
                self.stdout.flush()
        if is_over and self.as_json:
            self._say_state(run, *said)
        return is_over

    def _say_state(self, run: Installation, stage: str, progress: int, message: str) -> None:
        is_new = (stage, message) != (self._said[0], self._said[2])
        self._said = stage, progress, message
        if self.as_json:
            state = {"installId": str(run.pk), "stage": stage, "progress": progress}
            self._line(state | {"message": message})
        elif is_new and message:
            self.stdout.write(f"{stage:<10} {message}")

    def _line(self, told: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(told, ensure_ascii=False))
        self.stdout.flush()


def _pairs(given: list[str]) -> dict[str, Any]:
    pairs = {}
    for pair in given:
        name, separator, value = pair.partition("=")
        if not separator:
            raise CommandError(f"Write it as NAME=VALUE, not as {pair}.")
        pairs[name] = value
    return pairs


def _secret(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    return sys.stdin.readline().rstrip("\n")
