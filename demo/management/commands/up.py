"""`manage.py up`: run everything, until Ctrl-C."""

import fcntl
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.env import Running
from demo.stack import Stack, is_free
from demo.supervisor import StartFailed


class Command(BaseCommand):
    help = "Run everything: embedded servers, web server, workers and beat. Ctrl-C ends it all."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        with self._alone(settings.DATA_DIR):
            if not is_free(settings.PORT):
                raise CommandError(
                    f"Port {settings.PORT} is taken by another program. "
                    "Choose another, for example: PORT=8001 make run"
                )
            stack = Stack(settings.DATA_DIR, settings.PORT, self._say)
            stack.supervisor.obey_signals()
            try:
                with self._beside("collectstatic", "--noinput", "--verbosity=0"):
                    stack.start_servers(settings.EMBEDDED_LLM_PATH)
                    self._prepare(stack)
                stack.start_processes(options["bind"])
                if not stack.supervisor.stopping:
                    stack.write_down()
                    self._say(f"Ready in {time.monotonic() - began:.0f} s: {stack.address}")
                    self._say("Ctrl-C stops everything.")
                stack.supervisor.watch()
            except StartFailed as error:
                raise CommandError(str(error)) from None
            finally:
                self._say("Stopping …")
                stack.stop()
        self._say("Stopped.")

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()

    @contextmanager
    def _alone(self, data_dir: Path) -> Iterator[None]:
        """One stack per data folder; the second says where the first is."""
        data_dir.mkdir(parents=True, exist_ok=True)
        with (data_dir / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running = Running.read(data_dir)
                where = f" at {running.address} (pid {running.pid})" if running else " (starting)"
                raise CommandError(f"It is already running{where}.") from None
            yield

    def _prepare(self, stack: Stack) -> None:
        """Tables, and a first user."""
        environment = dict(stack.environment)
        password = environment.get("DEMO_PASSWORD") or secrets.token_urlsafe(12)
        environment["DEMO_PASSWORD"] = password
        output = self._finish(self._begin("prepare", environment=environment))
        if "created" in output:
            self._say(f"First user: admin, password: {password}")
            self._say("It is shown only this once; change it under Settings or in the admin.")

    @contextmanager
    def _beside(self, *command: str) -> Iterator[None]:
        """Run a command while the servers start."""
        process = self._begin(*command)
        yield
        self._finish(process)

    def _begin(
        self, *command: str, environment: dict[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _finish(self, process: "subprocess.Popen[str]") -> str:
        output, _ = process.communicate(timeout=300)
        if process.returncode:
            raise CommandError(f"{process.args!r} failed:\n{output}")
        return output
