"""The one command: everything comes up, is kept up, and goes down without a trace."""

import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.stack import LiveStack, command_of, until

CHILDREN = {
    "web server": "demo.asgi:application",
    "beat": "celery -A demo beat",
    "worker for documents": "--queues=documents",
    "worker for interactive": "--queues=interactive",
    "language model": "demo.embedded_llm",
}


def ready(stack: LiveStack) -> bool:
    try:
        return httpx.get(f"{stack.url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_it_is_ready_when_it_says_so(stack: LiveStack) -> None:
    assert httpx.get(f"{stack.url}/healthz").json() == {"status": "ok"}
    answer = httpx.get(f"{stack.url}/readyz", timeout=10)
    assert answer.status_code == 200, answer.text
    assert "Ready in" in stack.said()


def test_all_its_parts_run(stack: LiveStack) -> None:
    for words in CHILDREN.values():
        assert stack.processes(words), words


def test_a_second_one_says_that_the_first_is_running_and_where(stack: LiveStack) -> None:
    second = stack.manage("up")
    assert second.returncode != 0
    assert f"already running at {stack.url}" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_its_secrets_are_in_files_that_only_the_owner_reads(stack: LiveStack) -> None:
    for name in ("stack.json", "postgres-password", "valkey-password"):
        assert (stack.folder / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_that_dies_is_restarted_and_said_so(stack: LiveStack, name: str) -> None:
    words = f"{name} died (signal 9)"
    before = stack.said().count(words)
    [child, *_] = stack.processes(CHILDREN[name])
    child.send_signal(signal.SIGKILL)
    until(lambda: stack.said().count(words) > before)
    until(lambda: any(p.pid != child.pid for p in stack.processes(CHILDREN[name])))
    until(lambda: ready(stack), within=60)


def test_five_hundred_connections_at_once_wait_until_the_web_server_has_time(
    stack: LiveStack,
) -> None:
    """As when it comes back and all tabs with it."""
    [web, *_] = stack.processes("demo.asgi:application")
    web.suspend()
    with ExitStack() as ending:
        ending.callback(web.resume)
        for _ in range(500):
            place = ("127.0.0.1", stack.port)
            ending.enter_context(socket.create_connection(place, timeout=2))
    assert ready(stack)


def test_commands_say_in_one_line_that_nothing_runs(stack: LiveStack, tmp_path: Path) -> None:
    elsewhere = LiveStack.__new__(LiveStack)
    elsewhere.environment = stack.environment | {"DATA_DIR": str(tmp_path)}
    answer = elsewhere.manage("jobs", "list")
    assert answer.returncode == 1
    assert answer.stderr == (
        "The stack is not running. Start it with `make run`, or set DATABASE_URL.\n"
    )


def test_another_s_servers_are_used_and_ctrl_c_leaves_nothing_behind(
    stack: LiveStack, tmp_path: Path
) -> None:
    """With URLs set no embedded server is started; the second stack runs on the first's."""
    servers = stack.running()["environment"]
    other = LiveStack(
        tmp_path / "var",
        DATABASE_URL=servers["DATABASE_URL"],
        REDIS_URL=servers["REDIS_URL"].removesuffix("/0") + "/5",
        LLM_BASE_URL=servers["EMBEDDED_LLM_URL"],
        LLM_API_KEY=servers["EMBEDDED_LLM_API_KEY"],
    )
    descendants = other.descendants()
    names = " ".join(map(command_of, descendants))
    assert "postgres" not in names
    assert "valkey-server" not in names
    assert "embedded_llm" not in names
    assert ready(other)
    seconds = other.stop()
    assert seconds < 10
    assert [child for child in descendants if command_of(child)] == []
    assert not (tmp_path / "var" / "stack.json").exists()


def test_a_killed_supervisor_s_work_is_taken_up_by_the_next(tmp_path: Path) -> None:
    """Its children end with it, PostgreSQL too, and the next one finishes the job."""
    other = LiveStack(tmp_path / "var")
    try:
        other.make_users()
        descendants = other.descendants()
        text = " ".join(f"Sentence number {n} speaks of nothing at all." for n in range(2000))
        with other.client("ann") as ann:
            answer = ann.post("/api/documents", files={"file": ("long.txt", text.encode())})
            path = f"/api/documents/{answer.json()['documents'][0]['documentId']}"
            until(lambda: ann.get(path).json()["stage"] == "EMBEDDING", within=60)
            os.kill(other.process.pid, signal.SIGKILL)
            other.process.wait()
            # One that waits for the database gives up after some seconds.
            until(lambda: not any(map(command_of, descendants)), within=20)
            other.output.unlink()
            other.start()
            until(lambda: ann.get(path).json()["status"] == "READY", within=90, every=0.25)
    finally:
        other.stop()
