"""What a host prints, on its way to a tab: `python -m bench.mcp`. Needs sshd and root.

First how long a line takes from the host to the socket; then a host that prints as fast as it can
for ten seconds: what the worker's memory, the log and another person's events make of it.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.bars import at_most
from tests.live.tab import Tab
from tests.mcp_install.remote_uv import give_uv
from tests.sshd import Account, Sshd, account, running
from tests.stack import ROOT, LiveStack

URL = "/api/mcp"
LINES, FLOOD_SECONDS = 200, 10
ALLOWED_MS, ALLOWED_MIB, ALLOWED_LOG = 150, 8, 1024 * 1024

# Each is in the place of what an installer does; the server that it "installs" never answers.
STAMPS = f"""
python3 -u -c '
import time
for _ in range({LINES}):
    print("at", time.time_ns(), "now"); time.sleep(0.05)'
"""
FLOOD = f"timeout {FLOOD_SECONDS} yes\n"
QUIET = "echo nothing\n"

# What another person is told meanwhile, 50 times a second.
OTHERS = """
import time
from django.contrib.auth.models import User
from mcp_install.events import McpInstallProgress
from realtime.publish import publish
user = User.objects.get(username="bob").pk
for _ in range(50 * {seconds}):
    said = {{"stage": "EXECUTING", "progress": 1, "message": str(time.time_ns())}}
    publish(user, McpInstallProgress(install_id="bench", **said))
    time.sleep(0.02)
"""


class Bench:
    def __init__(self, stack: LiveStack, sshd: Sshd, someone: Account) -> None:
        self.stack, self.someone = stack, someone
        self.ann, self.bob = stack.client("ann"), stack.client("bob")
        give_uv(someone)
        body = {"name": "bench", "hostname": "127.0.0.1", "port": sshd.port}
        body |= {"username": someone.name, "auth": {"privateKey": sshd.key}}
        self.host = self._post("/hosts", body)["hostId"]
        shown = self._post(f"/hosts/{self.host}/test", {})
        self._post(f"/hosts/{self.host}/trust", {"fingerprint": shown["fingerprint"]})
        self._post(f"/hosts/{self.host}/test", {})

    def _post(self, path: str, body: Any) -> Any:
        return self.ann.post(f"{URL}{path}", json=body, timeout=60).raise_for_status().json()

    def run(self, how: str) -> list[tuple[int, dict[str, Any]]]:
        """A run's events as ann's tab gets them, each with the time in ns."""
        give_uv(self.someone, how)
        tab = Tab(self.stack, self.ann).resume()
        assert tab.next()["type"] == "resumed"
        wish = {"hostId": self.host, "server": "time", "directory": f"~/{time.time_ns()}"}
        run = self._post("/installs", wish)["installId"]
        told: list[tuple[int, dict[str, Any]]] = []
        while not (told and told[-1][1].get("terminal")):
            frame = tab.next(60)
            if frame.get("installId") == run:
                told.append((time.time_ns(), frame))
                if len(told) % 10 == 0:  # 256 KiB at most are not acknowledged
                    tab.say(type="ack", id=frame["id"])
        self.last = run
        return told

    def log_bytes(self) -> tuple[int, int]:
        """Of the last run: what is kept, and what was left out."""
        after, size, left, is_more = 0, 0, 0, True
        while is_more:
            query = {"after": after}
            found = self.ann.get(f"{URL}/installs/{self.last}/log", params=query).json()
            size += sum(len(piece["text"].encode()) for piece in found["pieces"])
            left += sum(piece["leftOut"] for piece in found["pieces"])
            after, is_more = found["end"], found["isMore"]
        return size, left

    def others(self, seconds: int) -> list[float]:
        """Milliseconds that bob's events take."""
        tab = Tab(self.stack, self.bob).resume()
        assert tab.next()["type"] == "resumed"
        command = [sys.executable, "manage.py", "shell", "--no-imports", "--command"]
        program = OTHERS.format(seconds=seconds)
        process = subprocess.Popen([*command, program], cwd=ROOT, env=self.stack.environment)
        took: list[float] = []
        while len(took) < 50 * seconds:
            frame = tab.next(60)
            if frame.get("installId") == "bench":
                took.append((time.time_ns() - int(frame["message"])) / 1e6)
                if len(took) % 50 == 0:
                    tab.say(type="ack", id=frame["id"])
        process.wait(30)
        return took


def p(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


@contextmanager
def watched(process: psutil.Process) -> Iterator[list[int]]:
    """Its memory, every 50 ms, in bytes."""
    seen, over = [process.memory_info().rss], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.append(process.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    over.set()
    thread.join()


def lines(bench: Bench) -> None:
    took = [
        (came - int(line.split()[1])) / 1e6
        for came, event in bench.run(STAMPS)
        for line in event.get("output", "").splitlines()
        if line.startswith("at ") and line.endswith("now")
    ]
    print(f"A line from the host to the socket, {len(took)} of {LINES}:")
    print(f"  p50 {statistics.median(took):.1f} ms, longest {max(took):.1f} ms")
    at_most("p95", p(took, 0.95), ALLOWED_MS, " ms")


def flood(bench: Bench) -> None:
    print(f"A host that prints `y` for {FLOOD_SECONDS} s:")
    [worker] = bench.stack.processes("--queues=ssh")
    bench.run(FLOOD)  # warm
    quiet = bench.others(FLOOD_SECONDS)
    others: list[float] = []
    beside = threading.Thread(target=lambda: others.extend(bench.others(FLOOD_SECONDS)))
    with watched(worker) as memory:
        beside.start()
        told = bench.run(FLOOD)
        beside.join()
    size, left = bench.log_bytes()
    characters = sum(len(event.get("output", "")) for _, event in told)
    print(f"  {characters:,} characters told in {len(told):,} events")
    at_most("growth of the worker", (max(memory) - memory[0]) / 2**20, ALLOWED_MIB, " MiB")
    at_most("the log", size / 1024, ALLOWED_LOG / 1024, " KiB")
    print(f"  said to be left out: {left:,} characters")
    print(f"  another person's events: p50 {statistics.median(others):.2f} ms")
    at_most(f"their p99, which was {p(quiet, 0.99):.1f} ms", p(others, 0.99), 50, " ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running() as sshd, account() as someone:
        stack = LiveStack(Path(folder) / "var", MCP_SSH_ALLOW_PRIVATE="on")
        try:
            stack.make_users()
            bench = Bench(stack, sshd, someone)
            bench.run(QUIET)
            lines(bench)
            flood(bench)
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
