"""The whole product, as `manage.py up` runs it, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from demo.stack import free_port

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
PASSWORD = "correct-horse-battery"


class LiveStack:
    """A running stack with the users ann and bob."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        own = {"DATA_DIR": str(folder), "PORT": str(self.port), "DEMO_PASSWORD": PASSWORD}
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        self.environment = kept | own | environment
        self.output = folder.with_suffix(".out")
        self.start()

    def start(self) -> None:
        said = len(self.said()) if self.output.exists() else 0
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(
            lambda: "Ready in" in self.said()[said:] or self.process.poll() is not None, within=90
        )
        assert "Ready in" in self.said()[said:], self.said()

    def said(self) -> str:
        return self.output.read_text()

    def stop(self) -> float:
        """Seconds that the end took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        return time.monotonic() - began

    def make_users(self) -> None:
        lines = "from django.contrib.auth.models import User\n" + "".join(
            f"User.objects.create_user({name!r}, password={PASSWORD!r})\n"
            for name in ("ann", "bob")
        )
        self.manage("shell", "--no-imports", "--command", lines).check_returncode()

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def running(self) -> dict[str, Any]:
        """What the stack has written down about itself."""
        written: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return written

    def processes(self, words: str) -> list[psutil.Process]:
        """The stack's processes whose command line has these words, oldest first."""
        return [child for child in self.descendants() if words in command_of(child)]

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def client(self, username: str = "ann") -> httpx.Client:
        """A signed-in HTTP client."""
        credentials = {"username": username, "password": PASSWORD}
        answer = httpx.post(f"{self.url}/api/session", json=credentials).raise_for_status()
        return httpx.Client(
            base_url=self.url,
            timeout=20,
            cookies=answer.cookies,
            headers={"X-CSRFToken": answer.json()["csrfToken"]},
        )


def command_of(process: psutil.Process) -> str:
    """The command line; empty for what has ended."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def until(condition: Callable[[], T], within: float = 30.0, every: float = 0.05) -> T:
    """The first true value of the condition; fails when there is none in time."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)
    return value


def started(folder: Path, **environment: str) -> Iterator[LiveStack]:
    """For fixtures: a stack with users, ended afterwards."""
    stack = LiveStack(folder, **environment)
    try:
        stack.make_users()
        yield stack
    finally:
        stack.stop()
