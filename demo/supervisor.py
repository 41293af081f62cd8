"""Child processes that are started in order, restarted when they die, and all ended at the end."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

GRACE = 8.0  # seconds that a child has to end by itself
BACK_OFF = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before the n-th restart in a row
MOST_FALSE_STARTS = 3
STABLE = 60.0  # seconds of running after which earlier deaths are forgiven


class StartFailed(Exception):
    """A part that is needed did not come up; says why, or where its log is."""


class Stopped(Exception):
    """The supervisor was told to stop while something was starting."""


@dataclass(frozen=True)
class User:
    """Whom a child runs as."""

    uid: int
    gid: int

    def for_subprocess(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass
class Child:
    """One process of the stack."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    ready_within: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    last_to_stop: bool = False  # a server that others need to the end
    user: User | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    deaths: int = 0
    restart_at: float = field(default=0.0)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the supervisor alone
                **(self.user.for_subprocess() if self.user else {}),
                preexec_fn=partial(_die_with_parent, self.stop_signal),
            )
        self.started_at = time.monotonic()

    def signal(self, number: signal.Signals) -> None:
        """To the child; a kill also to all it has started."""
        if not self.process or (self.process.poll() is not None and number != signal.SIGKILL):
            return
        try:
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        except ProcessLookupError:
            return

    def wait(self, deadline: float) -> bool:
        if not self.process:
            return True
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True


def _die_with_parent(number: signal.Signals) -> None:
    """Linux: should the supervisor be killed, its children end too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, number)  # PR_SET_PDEATHSIG


class Supervisor:
    """Keeps children running until it is told to stop."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.children: list[Child] = []
        self.stopping = False
        self._say = say

    def obey_signals(self) -> None:
        """SIGINT and SIGTERM end `watch`."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def start(self, *children: Child) -> None:
        """Start them all at once, and return when each is ready. Raises StartFailed, Stopped."""
        for child in children:
            self.children.append(child)
            child.start()
        for child in children:
            self._wait_until_ready(child)

    def _wait_until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + child.ready_within
        while not child.ready():
            assert child.process
            if time.monotonic() > deadline:
                raise StartFailed(f"{child.name} did not become ready; its log is {child.log}")
            if child.process.poll() is not None:
                child.deaths += 1
                if child.deaths > MOST_FALSE_STARTS:
                    raise StartFailed(f"{child.name} does not start; its log is {child.log}")
                self.pause(1.0)  # a predecessor that was killed may still be going down
                child.start()
            self.pause(0.05)

    def pause(self, seconds: float) -> None:
        """Raises Stopped instead of going on."""
        if self.stopping:
            raise Stopped
        time.sleep(seconds)

    def run(self, process: "subprocess.Popen[str]") -> str:
        """Wait for a command that ends; what it printed. Raises StartFailed, Stopped."""
        while True:
            try:
                output, _ = process.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                if self.stopping:
                    process.kill()
                    process.communicate()
                    raise Stopped from None
        if process.returncode:
            raise StartFailed(f"{process.args!r} failed:\n{output}")
        return output

    def watch(self) -> None:
        """Until told to stop: restart what dies, and say so."""
        while not self.stopping:
            for child in self.children:
                self._care_for(child)
            time.sleep(0.2)

    def _care_for(self, child: Child) -> None:
        assert child.process
        now = time.monotonic()
        if child.restart_at:
            if now >= child.restart_at:
                child.restart_at = 0.0
                child.start()
            return
        if (code := child.process.poll()) is None:
            return
        if now - child.started_at > STABLE:
            child.deaths = 0
        pause = BACK_OFF[min(child.deaths, len(BACK_OFF) - 1)]
        child.deaths += 1
        child.restart_at = now + pause
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._say(f"{child.name} died ({how}); restarting it in {pause:.0f} s. Log: {child.log}")

    def stop(self) -> None:
        """End all children: first those that work, then the servers they work with."""
        self.stopping = True
        for last in (False, True):
            group = [child for child in self.children if child.last_to_stop is last]
            for child in group:
                child.signal(child.stop_signal)
            deadline = time.monotonic() + GRACE / 2
            for child in group:
                child.wait(deadline)
            for child in group:
                child.signal(signal.SIGKILL)  # also what a child has left behind
                child.wait(time.monotonic() + 1)
