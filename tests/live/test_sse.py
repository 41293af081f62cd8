"""Server-Sent Events at /api/realtime/events, against the running web server."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.live.listener import PATH, Listener
from tests.live.test_sessions import CUT_WITHIN, session_of
from tests.live.test_socket import publish
from tests.stack import LiveStack, until

Listen = Callable[..., Listener]


@pytest.fixture
def listen(ann: httpx.Client) -> Iterator[Listen]:
    """Opens lines of ann's, or of another client."""
    opened: list[Listener] = []

    def open_one(client: httpx.Client = ann, after: str = "", **headers: str) -> Listener:
        opened.append(Listener(client, after, **headers))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def contents(listener: Listener, count: int) -> list[int]:
    """Of the next events."""
    found = (frame for frame in listener.for_ever() if frame["type"] == "message_chunk")
    return [int(next(found)["content"]) for _ in range(count)]


def problem(client: httpx.Client, status: int, **headers: str) -> dict[str, Any]:
    answer = client.get(PATH, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    return body


def test_it_says_the_same_as_the_socket_and_nothing_compresses_it(
    listen: Listen, stack: LiveStack, ann: httpx.Client
) -> None:
    line = listen(**{"Accept-Encoding": "gzip, br"})
    sent = line.response.headers
    assert sent["content-type"] == "text/event-stream"
    assert sent["cache-control"] == "no-store, no-transform"
    assert sent["x-accel-buffering"] == "no"
    assert "content-encoding" not in sent
    welcome = line.next()
    assert (welcome["type"], welcome["username"]) == ("welcome", "ann")
    assert welcome["userId"] == ann.get("/api/session").json()["userId"]
    head = line.upto("resumed")["id"]
    assert line.cursor == head
    publish(stack, "ann", range(3))
    events = [line.upto("message_chunk") for _ in range(3)]
    assert [event["content"] for event in events] == ["0", "1", "2"]
    assert [event["prev"] for event in events] == [head, events[0]["id"], events[1]["id"]]
    assert line.cursor == events[2]["id"]


def test_what_a_tab_missed_comes_first_by_query_or_header(listen: Listen, stack: LiveStack) -> None:
    line = listen()
    line.next()
    head = line.upto("resumed")["id"]
    publish(stack, "ann", range(20))
    last = [line.upto("message_chunk")["id"] for _ in range(20)]
    assert contents(listen(after=head), 20) == list(range(20))
    again = listen(after=head, **{"Last-Event-ID": last[4]})
    assert contents(again, 15) == list(range(5, 20))
    assert again.upto("resumed") == {"type": "resumed", "id": last[-1], "replayed": 15}


def test_a_cursor_of_another_time_is_told_to_resync(listen: Listen) -> None:
    line = listen(after="beforerestart-9")
    resync = line.upto("resync")
    assert resync["reason"] == "epoch"
    assert line.cursor == resync["id"]


def test_a_cursor_that_is_none_is_a_problem(ann: httpx.Client) -> None:
    answer = ann.get(PATH, params={"after": "yesterday"})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "a cursor looks like <epoch>-<offset>."
    assert ann.post(PATH).status_code == 405


def test_a_stranger_is_told_to_sign_in(stack: LiveStack) -> None:
    with httpx.Client(base_url=stack.url) as nobody:
        assert problem(nobody, 401)["detail"] == "Sign in first."


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
    ],
)
def test_a_foreign_page_or_host_is_refused(ann: httpx.Client, headers: dict[str, str]) -> None:
    problem(ann, 403, **headers)


def test_our_own_page_is_not(listen: Listen, stack: LiveStack) -> None:
    for headers in ({"Origin": stack.url}, {"Sec-Fetch-Site": "same-origin"}):
        assert listen(**headers).next()["type"] == "welcome"


def test_a_person_hears_nothing_of_another_s(listen: Listen, stack: LiveStack) -> None:
    with stack.client("bob") as bob:
        bobs, annes = listen(bob).resumed(), listen().resumed()
        publish(stack, "ann", range(1))
        assert annes.upto("message_chunk")["content"] == "0"
        publish(stack, "bob", range(7, 8))
        assert bobs.upto("message_chunk")["content"] == "7"


def test_a_sign_out_cuts_within_a_second_and_says_so(listen: Listen, stack: LiveStack) -> None:
    with stack.client("ann") as elsewhere, stack.client("ann") as here:
        line = listen(elsewhere).resumed()
        since = time.monotonic()
        assert here.delete(f"/api/sessions/{session_of(elsewhere)}").status_code == 204
        assert line.upto("session_update")["status"] == "revoked"
        closing = line.upto("closing")
        assert closing["code"] == 4403
        assert list(line.frames()) == []
        assert time.monotonic() - since < CUT_WITHIN
        problem(elsewhere, 401)


def test_a_token_listens_until_it_is_revoked(
    listen: Listen, stack: LiveStack, ann: httpx.Client
) -> None:
    made = ann.post("/api/tokens", json={"name": "a program", "scopes": ["read"]}).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    with httpx.Client(base_url=stack.url) as program:
        line = listen(program, **bearer).resumed()
        publish(stack, "ann", range(1))
        assert line.upto("message_chunk")["content"] == "0"
        assert ann.delete(f"/api/tokens/{made['tokenId']}").status_code == 204
        assert line.upto("closing")["code"] == 4403
        problem(program, 401, **bearer)


def test_a_burst_arrives_whole_and_in_order_over_several_responses(
    listen: Listen, stack: LiveStack
) -> None:
    line = listen().resumed()
    publishing = threading.Thread(target=publish, args=(stack, "ann", range(5_000)))
    publishing.start()
    assert contents(line, 5_000) == list(range(5_000))
    publishing.join()
    assert line.responses >= 5_000 // 512


def test_who_asks_ahead_and_reads_nothing_has_one_answer_in_memory(
    listen: Listen, stack: LiveStack, ann: httpx.Client
) -> None:
    line = listen().resumed()
    start = line.cursor
    publish(stack, "ann", range(520))
    cookies = "; ".join(f"{name}={value}" for name, value in ann.cookies.items())
    request = f"GET {PATH}?after={start} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\n\r\n"
    [web, *_] = stack.processes("demo.asgi:application")
    assert contents(listen(after=start), 512) == list(range(512))
    before, answers = web.memory_info().rss, b""
    with socket.create_connection(("localhost", stack.port), timeout=20) as asking:
        asking.sendall(request.encode() * 100)
        until(lambda: web.cpu_percent(interval=0.5) < 20)
        assert web.memory_info().rss - before < 5 * 1024 * 1024  # of 12 that all would take
        while answers.count(b"\nretry: 200\n") < 100:
            answers += asking.recv(64 * 1024)
    assert answers.count(b"HTTP/1.1 200 OK") == 100


def test_too_many_lines_of_a_person_are_refused(listen: Listen, stack: LiveStack) -> None:
    limits = httpx.Limits(max_connections=200)
    with stack.client("bob") as bob:
        cookies = dict(bob.cookies)
    with httpx.Client(base_url=stack.url, cookies=cookies, limits=limits) as bob:
        for _ in range(100):
            listen(bob).resumed()
        problem(bob, 429)


def test_a_server_that_ends_says_when_to_come_again(
    listen: Listen, stack: LiveStack, ann: httpx.Client
) -> None:
    line = listen().resumed()
    [web, *_] = stack.processes("demo.asgi:application")
    web.send_signal(signal.SIGTERM)
    closing = line.upto("closing")
    assert closing["code"] == 1012
    assert closing["retryAfterMs"] >= 0
    assert list(line.frames()) == []

    def reopened() -> Listener | None:
        try:
            again = listen(after=line.cursor)
        except httpx.HTTPError:
            return None
        return again if again.response.status_code == 200 else None  # 503 while it ends

    until(reopened).resumed()
