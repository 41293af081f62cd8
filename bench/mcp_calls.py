"""What our path adds to a call of a tool that is warm: `python -m bench.mcp_calls`.

Bare: the official client starts the server on this machine and calls it over stdin and stdout.
Ours, in a conversation: the provider, as a worker calls it, over SSH. Ours, as a person tries a
tool: POST, web process, worker, SSH. The same server and the same call each time, one at a time.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from bench.bars import at_most
from tests.mcp_install.in_stack import put_in, run_in
from tests.mcp_install.programs import modern, myself, put
from tests.sshd import Account, Sshd, running
from tests.stack import LiveStack

CALLS = 100
ARGUMENTS = {"a": 1, "b": 2}
ALLOWED_MS = 10


async def timed(call: Callable[[], Awaitable[str]]) -> list[float]:
    """Milliseconds of each call, after a few that warm up."""
    times = []
    for number in range(CALLS + 10):
        began = time.perf_counter()
        assert await call() == "3"
        if number >= 10:
            times.append((time.perf_counter() - began) * 1000)
    return times


def bare(program: str) -> list[float]:
    async def measure() -> list[float]:
        async with Client(StdioServerParameters(command=program)) as client:

            async def call() -> str:
                result: Any = await client.call_tool("add", ARGUMENTS)
                return str(result.content[0].text)

            return await timed(call)

    return asyncio.run(measure())


# --- Ours -----------------------------------------------------------------------------------------
def in_a_conversation() -> None:
    """Prints the times. Called in a process with the stack's settings."""
    from django.contrib.auth.models import User

    from mcp_install.provider import InstalledServers
    from realtime import background

    provider, owner = InstalledServers(), User.objects.get(username="ann").pk
    (server,) = provider.servers(owner)

    async def call() -> str:
        return (await provider.call(owner, server, "add", ARGUMENTS)).text

    print(json.dumps(background.run(timed(call))))


def as_a_person_tries_it(stack: LiveStack, server: str) -> list[float]:
    with stack.client() as http:

        async def call() -> str:
            answer = http.post(
                f"/api/mcp/servers/{server}/tools/add", json={"arguments": ARGUMENTS}
            )
            return str(answer.raise_for_status().json()["text"])

        return asyncio.run(timed(call))


def told(name: str, times: list[float]) -> float:
    middle, late = statistics.median(times), sorted(times)[int(len(times) * 0.95)]
    print(f"  {name:28} p50 {middle:6.2f} ms, p95 {late:6.2f} ms")
    return middle


def compare(stack: LiveStack, sshd: Sshd, me: Account) -> None:
    server = put_in(stack, sshd, me)
    alone = told("bare", bare(put(me, "bare/serve", modern())))
    chat = told(
        "ours, in a conversation",
        json.loads(run_in(stack, "bench.mcp_calls", "in_a_conversation()")),
    )
    tried = told("ours, as a person tries it", as_a_person_tries_it(stack, server))
    for what, ours in (("in a conversation", chat), ("as a person tries it", tried)):
        print(f"  {what}: {ours / alone:.1f} × the bare server's time")
        at_most(f"added {what}", ours - alone, ALLOWED_MS, " ms")


def main() -> None:
    print(f"{CALLS} calls of a warm server, on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, running() as sshd, myself() as me:
        stack = LiveStack(Path(folder) / "var", MCP_SSH_ALLOW_PRIVATE="on")
        try:
            stack.make_users()
            compare(stack, sshd, me)
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
