"""The socket at /ws, against the running web server."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from demo.stack import answers, free_port
from tests.live.tab import Tab
from tests.stack import ROOT, LiveStack, until


def publish(stack: LiveStack, username: str, numbers: range) -> None:
    lines = f"""
from django.contrib.auth.models import User
from realtime.events import MessageChunk
from realtime.publish import publish
user = User.objects.get(username={username!r})
for n in range({numbers.start}, {numbers.stop}):
    publish(user.pk, MessageChunk(message_id="m", session_id="s", content=str(n),
            is_complete=False, content_offset=n), durable=True)
"""
    stack.manage("shell", "--no-imports", "--command", lines).check_returncode()


def test_a_signed_in_person_is_welcomed(stack: LiveStack, ann: httpx.Client) -> None:
    tab = Tab(stack, ann)
    welcome = tab.next()
    assert welcome["type"] == "welcome"
    assert welcome["username"] == "ann"
    assert welcome["userId"] == ann.get("/api/session").json()["userId"]
    assert 0 < welcome["expiresIn"] <= 12 * 3600
    tab.say(type="resume", lastEventId=None)
    assert tab.next()["type"] == "resumed"
    tab.say(type="ping")
    assert tab.next() == {"type": "pong"}
    tab.socket.close()


def test_a_stranger_is_closed_with_4401(stack: LiveStack) -> None:
    with httpx.Client() as nobody:
        assert Tab(stack, nobody).closed_with() == 4401


def test_a_foreign_page_is_closed_with_4403(stack: LiveStack, ann: httpx.Client) -> None:
    assert Tab(stack, ann, origin="https://evil.example").closed_with() == 4403


def test_the_right_host_on_another_port_is_a_foreign_page(
    stack: LiveStack, ann: httpx.Client
) -> None:
    assert Tab(stack, ann, origin=f"http://localhost:{stack.port + 1}").closed_with() == 4403


def test_frames_that_the_protocol_does_not_know_are_told_then_closed(
    stack: LiveStack, ann: httpx.Client
) -> None:
    tab = Tab(stack, ann)
    tab.next()
    for nonsense in ("{", "[]", '{"type":"nonsense"}', '{"type":"resume"}', '{"type":"ack"}'):
        tab.socket.send(nonsense)
        assert tab.next()["type"] == "error"
    assert tab.closed_with() == 4400


def test_a_flood_of_frames_is_closed_with_4429(stack: LiveStack, ann: httpx.Client) -> None:
    tab = Tab(stack, ann).resume()
    for _ in range(400):
        try:
            tab.say(type="ping")
        except ConnectionClosed:
            break
    assert tab.closed_with() == 4429


def test_a_signed_out_session_opens_no_socket(stack: LiveStack) -> None:
    with stack.client("bob") as bob:
        old = {"sessionid": bob.cookies["sessionid"]}
        assert bob.delete("/api/session").status_code == 204
        assert bob.get("/api/session").status_code == 401
    with httpx.Client(cookies=old) as thief:
        assert Tab(stack, thief).closed_with() == 4401


def test_a_person_gets_nothing_of_another_s(stack: LiveStack, ann: httpx.Client) -> None:
    with stack.client("bob") as bob_client:
        bob = Tab(stack, bob_client).resume()
        bob.next()
        annes = Tab(stack, ann).resume()
        annes.next()
        publish(stack, "ann", range(1))
        assert annes.next()["content"] == "0"
        publish(stack, "bob", range(7, 8))
        assert bob.next()["content"] == "7"


@contextmanager
def another_web_server(stack: LiveStack, module: str) -> Iterator[SimpleNamespace]:
    """One more process on the stack's servers."""
    port = free_port()
    command = ["-m", module, "-b", "127.0.0.1", "-p", str(port), "demo.asgi:application"]
    process = subprocess.Popen(
        [sys.executable, *command, "--access-log", os.devnull],
        cwd=ROOT,
        env=stack.environment | {"PORT": str(port)},
    )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
        yield SimpleNamespace(url=f"http://localhost:{port}", process=process)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("module", "code"), [("demo.web", 1012), ("daphne", 1000)])
def test_a_web_server_that_is_told_to_end_says_when_to_come_again(
    stack: LiveStack, ann: httpx.Client, module: str, code: int
) -> None:
    """Daphne itself knows no such close code; the frame before it says the same."""
    with another_web_server(stack, module) as other:
        tabs = [Tab(other, ann).resume() for _ in range(3)]
        for tab in tabs:
            tab.next()
        other.process.terminate()
        for tab in tabs:
            closing = tab.next()
            assert (closing["type"], closing["code"]) == ("closing", 1012)
            assert closing["retryAfterMs"] >= 0
            assert tab.closed_with() == code
        assert other.process.wait(5) == 0


def test_a_restarted_web_server_loses_nothing(stack: LiveStack, ann: httpx.Client) -> None:
    """Events go on while the server is killed; the tab resumes from the last one it had."""
    tab = Tab(stack, ann).resume()
    cursor = tab.next()["id"]
    publishing = threading.Thread(target=publish, args=(stack, "ann", range(500)))
    publishing.start()
    seen: list[int] = []
    while len(seen) < 50:
        event = tab.next()
        seen.append(int(event["content"]))
        cursor = event["id"]
    [web, *_] = stack.processes("demo.asgi:application")
    web.send_signal(signal.SIGKILL)
    publishing.join()

    def reopened() -> Tab | None:
        try:
            return Tab(stack, ann)
        except (OSError, EOFError, ConnectionClosed):
            return None

    tab = until(reopened).resume(cursor)
    while (frame := tab.next())["type"] != "resumed":
        seen.append(int(frame["content"]))
        if len(seen) % 50 == 0:  # more often would be over the rate
            tab.say(type="ack", id=frame["id"])
    assert seen == list(range(500))
