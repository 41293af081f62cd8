"""`manage.py realtimecheck`: the self-test, from a terminal."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from redis import RedisError

from realtime.self_test import self_test
from realtime.work import Failure


class Command(BaseCommand):
    help = "Open a line to the running web server, cut it, and prove that nothing was lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="", help="the web server; without it, WEB_URL")
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        self._json = options["json"]
        self._stage, self._words, self._began = "", "", time.monotonic()
        began = self._began
        try:
            message = self_test(self._report, options["url"])
        except (Failure, DatabaseError, RedisError) as error:
            words = " ".join(str(error).split())
            self._end_stage(words)
            raise CommandError(words) from None
        self._end_stage()
        seconds = time.monotonic() - began
        if self._json:
            self._say({"ok": True, "message": message, "ms": round(seconds * 1000)})
        else:
            self.stdout.write(f"{message} It took {seconds:.1f} s.")

    def _report(self, stage: str, progress: int, message: str) -> None:
        self._end_stage()
        self._stage, self._words, self._began = stage, message, time.monotonic()

    def _end_stage(self, error: str = "") -> None:
        spent = time.monotonic() - self._began
        if self._json:
            what = {"stage": self._stage, "ok": not error, "ms": round(spent * 1000)}
            if self._stage or error:
                self._say(what | ({"error": error} if error else {}))
        elif self._stage:
            self.stdout.write(f"{'failed' if error else 'ok':6} {spent:6.2f} s  {self._words}")

    def _say(self, line: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(line))
        self.stdout.flush()
