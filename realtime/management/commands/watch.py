"""`manage.py watch`: a person's stream, live."""

import contextlib
import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis import RedisError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from realtime import log


class Command(BaseCommand):
    help = "Show a person's events as they come, with a bar for each job. Ctrl-C ends it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", required=True)
        parser.add_argument("--after", default="", help="an event id; without it, from now on")
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = User.objects.get(username=options["owner"])
            after = log.Position.parse(options["after"] or log.head(user.pk))
        except User.DoesNotExist:
            raise CommandError(f"There is no user {options['owner']}.") from None
        except ValueError as error:
            raise CommandError(f"--after: {error}") from None
        except RedisError as error:
            raise CommandError(f"The event log does not answer: {error}") from None
        show = self._lines if options["json"] else self._bars
        with contextlib.suppress(KeyboardInterrupt):
            try:
                show(user.pk, after)
            except log.Trimmed:
                raise CommandError(
                    "Events after this one are gone. Watch again without --after."
                ) from None
            except RedisError as error:
                raise CommandError(f"The event log does not answer: {error}") from None

    def _lines(self, user_id: int, after: log.Position) -> None:
        for position, payload in log.follow(user_id, after):
            self.stdout.write(json.dumps({"id": str(position)} | json.loads(payload)))
            self.stdout.flush()

    def _bars(self, user_id: int, after: log.Position) -> None:
        console = Console(file=self.stdout)  # type: ignore[arg-type]
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
        )
        with Progress(*columns, console=console) as progress:
            bars: dict[str, TaskID] = {}
            for _, payload in log.follow(user_id, after):
                self._show(progress, bars, json.loads(payload))

    def _show(self, progress: Progress, bars: dict[str, TaskID], event: dict[str, Any]) -> None:
        """A bar for what has percent; other events are printed above the bars."""
        if "progress" not in event:
            progress.console.print(event["type"], event.get("content", ""), end="\n", markup=False)
            return
        key = next(str(value) for name, value in event.items() if name.endswith("Id"))
        state = event.get("status") or event.get("stage", "")
        words = f"{event['type']} {key[:8]} {state} {event.get('message', '')}"[:100]
        if key not in bars:
            bars[key] = progress.add_task(words, total=100)
        progress.update(bars[key], completed=event["progress"], description=words)
