"""`manage.py up`: run everything, until Ctrl-C."""

import fcntl
import os
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

from demo import env
from demo.env import Running
from demo.stack import Stack, is_free
from demo.supervisor import StartFailed, Stopped


class Command(BaseCommand):
    help = "Run everything: embedded servers, web server, workers and beat. Ctrl-C ends it all."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        os.umask(0o077)  # uploads, logs and secrets are for nobody else on this machine
        with self._alone(settings.DATA_DIR):
            if not is_free(settings.PORT):
                raise CommandError(
                    f"Port {settings.PORT} is taken by another program. "
                    "Choose another, for example: PORT=8001 make run"
                )
            stack = Stack(settings.DATA_DIR, settings.PORT, self._say)
            stack.supervisor.obey_signals()
            try:
                self._start(stack, options["bind"])
                self._say(f"Ready in {time.monotonic() - began:.0f} s: {stack.address}")
                self._say("Ctrl-C stops everything.")
                stack.supervisor.watch()
            except Stopped:
                pass
            except StartFailed as error:
                raise CommandError(str(error)) from None
            finally:
                self._say("Stopping …")
                stack.stop()
        self._say("Stopped.")

    def _start(self, stack: Stack, bind: str) -> None:
        stack.start_servers(settings.EMBEDDED_LLM_PATH)
        self._prepare(stack)
        stack.start_processes(bind)
        stack.write_down()

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
        """Static files, tables, and a first user."""
        password = env.text("DEMO_PASSWORD") or secrets.token_urlsafe(12)
        prepare = self._begin(stack, "prepare", DEMO_PASSWORD=password)
        if "created" in stack.supervisor.run(prepare):
            self._say(f"First user: admin, password: {password}")
            self._say("The password is shown only this once.")

    def _begin(self, stack: Stack, *command: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *command],
            env=stack.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for us alone
        )
