"""A second web process of a running stack."""

import signal
import subprocess
import sys
from typing import Any

from demo.stack import answers, free_port
from tests.stack import ROOT, LiveStack, until


class OtherWeb:
    """Nobody restarts it."""

    def __init__(self, stack: LiveStack) -> None:
        port = free_port()
        self.url = f"http://localhost:{port}"
        environment: dict[str, Any] = stack.environment | stack.running()["environment"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo.web", "-p", str(port), "demo.asgi:application"],
            cwd=ROOT,
            env=environment | {"PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: answers(f"{self.url}/healthz"))

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(15)
