"""What staff see of the running product, and its test of itself."""

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.live.listener import Listener
from tests.live.tab import Tab
from tests.live.test_sessions import assert_cut, opened
from tests.live.test_socket import publish
from tests.stack import LiveStack, until

CLOSED = "realtime_sockets_closed_total"


@pytest.fixture
def staff(stack: LiveStack) -> Iterator[httpx.Client]:
    with stack.client("admin") as client:
        yield client


def number(staff: httpx.Client, name: str, **labels: str) -> float:
    """As Prometheus would read it; 0 for a series that is not there yet."""
    answer = staff.get("/metrics")
    assert answer.status_code == 200, answer.text
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == name and sample.labels.items() >= labels.items():
                return sample.value
    return 0


def line(stack: LiveStack, client: httpx.Client) -> tuple[Tab, str]:
    """A tab that has resumed, and its connection's id."""
    tab = Tab(stack, client)
    welcome = tab.next()
    tab.say(type="resume", lastEventId=None)
    assert tab.next()["type"] == "resumed"
    return tab, welcome["connectionId"]


def row_of(staff: httpx.Client, connection_id: str) -> dict[str, Any] | None:
    listed = staff.get("/api/realtime/connections").json()["connections"]
    return next((row for row in listed if row["connectionId"] == connection_id), None)


def lag_of(staff: httpx.Client, connection_id: str) -> int:
    row = row_of(staff, connection_id)
    assert row
    return int(row["lagEvents"])


# --- Metrics --------------------------------------------------------------------------------------
def test_a_program_of_staff_scrapes_with_a_token(stack: LiveStack, staff: httpx.Client) -> None:
    made = staff.post("/api/tokens", json={"name": "prometheus", "scopes": ["read"]}).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    answer = httpx.get(f"{stack.url}/metrics", headers=bearer)
    assert answer.headers["content-type"].startswith("text/plain")
    assert "realtime_append_to_socket_seconds_bucket" in answer.text
    assert "process_resident_memory_bytes" in answer.text
    assert httpx.get(f"{stack.url}/metrics").status_code == 404


def test_sockets_are_counted_open_and_by_close_code(stack: LiveStack, staff: httpx.Client) -> None:
    refused = number(staff, CLOSED, code="4401")
    still_open = number(staff, "realtime_sockets_open", kind="websocket")
    with httpx.Client() as nobody:
        assert Tab(stack, nobody).closed_with() == 4401
    assert number(staff, CLOSED, code="4401", by="server", kind="websocket") == refused + 1
    left = number(staff, CLOSED, code="1000", by="client")
    tab = opened(stack, staff)
    assert number(staff, "realtime_sockets_open", kind="websocket") == still_open + 1
    tab.socket.close()
    until(lambda: number(staff, CLOSED, code="1000", by="client") == left + 1)
    assert number(staff, "realtime_sockets_open", kind="websocket") == still_open


def test_resyncs_resumes_and_latencies_are_counted(stack: LiveStack, staff: httpx.Client) -> None:
    resyncs = number(staff, "realtime_resyncs_total", reason="epoch")
    resumes = number(staff, "realtime_resumes_total", cursor="none")
    timed = number(staff, "realtime_append_to_socket_seconds_count")
    with stack.client("ann") as ann:
        assert Tab(stack, ann).resume("beforerestart-3").next()["reason"] == "epoch"
        tab = opened(stack, ann)
        publish(stack, "ann", range(3))
        assert [tab.next()["content"] for _ in range(3)] == ["0", "1", "2"]
    assert number(staff, "realtime_resyncs_total", reason="epoch") == resyncs + 1
    assert number(staff, "realtime_resumes_total", cursor="none") == resumes + 1
    assert number(staff, "realtime_append_to_socket_seconds_count") == timed + 3


def test_a_revocation_is_in_the_histogram(stack: LiveStack, staff: httpx.Client) -> None:
    name = "realtime_revocation_to_cut_seconds"
    count, within = number(staff, f"{name}_count"), number(staff, f"{name}_bucket", le="1.0")
    with stack.client("bob") as bob:
        tab, since = opened(stack, bob), time.monotonic()
        assert bob.delete("/api/session").status_code == 204
        assert_cut(tab, since)
    assert number(staff, f"{name}_count") == count + 1
    assert number(staff, f"{name}_bucket", le="1.0") == within + 1


# --- Live connections -----------------------------------------------------------------------------
def test_two_people_s_connections_are_listed_with_their_lag(
    stack: LiveStack, staff: httpx.Client
) -> None:
    with stack.client("ann") as ann, stack.client("bob") as bob:
        (_, quick_id), (slow, slow_id) = line(stack, ann), line(stack, bob)
        publish(stack, "bob", range(5))
        quick_row, slow_row = row_of(staff, quick_id), row_of(staff, slow_id)
        assert quick_row
        assert slow_row
        assert (quick_row["username"], quick_row["lagEvents"]) == ("ann", 0)
        assert (slow_row["username"], slow_row["lagEvents"]) == ("bob", 5)
        assert (slow_row["outboxEvents"], slow_row["grant"]) == (5, "session")
        assert f"connection-{quick_id}" in staff.get("/status/").text
        slow.say(type="ack", id=[slow.next()["id"] for _ in range(5)][-1])
        until(lambda: lag_of(staff, slow_id) == 0)
        slow.socket.close()
        until(lambda: row_of(staff, slow_id) is None)


def test_a_connection_that_staff_close_comes_back_and_loses_nothing(
    stack: LiveStack, staff: httpx.Client
) -> None:
    with stack.client("ann") as ann:
        cursor = head(ann)
        tab, connection_id = line(stack, ann)
        url = f"/api/realtime/connections/{connection_id}"
        assert ann.delete(url).status_code == 404
        assert staff.delete(url).status_code == 204
        closing = tab.next()
        assert (closing["type"], closing["code"]) == ("closing", 1012)
        assert closing["retryAfterMs"] > 0
        assert tab.closed_with() == 1012
        assert staff.delete(url).status_code == 404
        publish(stack, "ann", range(2))
        tab = Tab(stack, ann).resume(cursor)
        assert [tab.next()["content"] for _ in range(2)] == ["0", "1"]
        assert tab.next() == {"type": "resumed", "id": head(ann), "replayed": 2}


def test_a_line_of_server_sent_events_is_among_them_and_closed_alike(
    stack: LiveStack, staff: httpx.Client
) -> None:
    with stack.client("ann") as ann:
        listener = Listener(ann, after=head(ann))
        connection_id = listener.next()["connectionId"]
        listener.upto("resumed")
        still_open = number(staff, "realtime_sockets_open", kind="sse")
        row = row_of(staff, connection_id)
        assert row
        assert (row["kind"], row["username"], row["grant"]) == ("sse", "ann", "session")
        publish(stack, "ann", range(1))
        assert listener.next()["content"] == "0"
        url = f"/api/realtime/connections/{connection_id}"
        assert staff.delete(url).status_code == 204
        assert listener.upto("closing")["code"] == 1012
        publish(stack, "ann", range(1, 2))
        assert next(frame for frame in listener.for_ever() if "content" in frame)["content"] == "1"
        listener.close()
    until(lambda: number(staff, "realtime_sockets_open", kind="sse") == still_open - 1)
    assert number(staff, CLOSED, code="1012", kind="sse", by="server") >= 1


def head(client: httpx.Client) -> str:
    return str(client.get("/api/realtime/snapshot").json()["asOf"])


def test_a_web_process_that_was_killed_is_named_until_its_lease_ends(
    stack: LiveStack, staff: httpx.Client
) -> None:
    opened(stack, staff)
    [web, *_] = stack.processes("demo.asgi:application")
    web.send_signal(signal.SIGKILL)

    def processes() -> list[dict[str, Any]]:
        try:
            answer = staff.get("/api/realtime/connections")
        except httpx.TransportError:
            return []
        return list(answer.json()["processes"]) if answer.status_code == 200 else []

    silent = until(processes)
    assert [(p["name"].split("-")[-1], p["answered"]) for p in silent] == [(str(web.pid), False)]
    until(lambda: processes() == [], within=20, every=0.5)


# --- The self-test --------------------------------------------------------------------------------
def check(stack: LiveStack, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    done = stack.manage("realtimecheck", "--json", *options)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def people(stack: LiveStack) -> str:
    line = (
        "from django.contrib.auth.models import User; print(*User.objects.values_list('username'))"
    )
    return stack.manage("shell", "--no-imports", "--command", line).stdout


def test_the_product_passes_its_own_test_and_nothing_is_left(
    stack: LiveStack, staff: httpx.Client
) -> None:
    before = people(stack)
    code, lines, said = check(stack)
    assert (code, said) == (0, "")
    assert lines[-1]["message"].startswith("All 150 events came once and in order")
    assert people(stack) == before
    assert "self-test" not in staff.get("/api/realtime/connections").text


def test_it_fails_in_one_line_while_the_web_server_does_not_answer(stack: LiveStack) -> None:
    [web, *_] = stack.processes("demo.asgi:application")
    web.suspend()
    try:
        code, lines, said = check(stack)
    finally:
        web.resume()
    assert code == 1
    assert not lines[-1]["ok"]
    assert len(said.strip().splitlines()) == 1
    assert "opens no line" in said
    assert check(stack)[0] == 0


def test_a_worker_does_it_for_staff_who_see_it_live(stack: LiveStack, staff: httpx.Client) -> None:
    tab = opened(stack, staff)
    test_id = staff.post("/api/realtime/self-tests").json()["testId"]
    stages: list[str] = []
    while not (event := tab.next()).get("terminal"):
        if event["type"] == "self_test":
            assert event["testId"] == test_id
            stages.append(event["stage"])
            tab.say(type="ack", id=event["id"])
    assert (event["status"], event["progress"]) == ("DONE", 100), event
    assert {"OPENING", "CUTTING", "RESUMING"} <= set(stages)
    shown = staff.get(f"/api/realtime/self-tests/{test_id}").json()
    assert shown["status"] == "DONE"
    assert set(shown["timings"]) >= {"CUTTING", "RESUMING"}
