"""The self-test: it passes where nothing is lost, and says what is wrong where something is."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from realtime import log, self_test, tasks
from realtime.models import ApiToken, Job, OutboxEvent, Session, Status
from realtime.self_test import NAME
from realtime.work import Failure
from tests.realtime.people import device, program

pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/realtime/self-tests"

Wrong = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


class WebServer:
    """The remote end: keeps to the protocol, but for what a test makes wrong."""

    def __init__(self) -> None:
        self.wrong: Wrong = lambda events: events  # what becomes of events before they are sent
        self.refuses = 0
        self.resyncs = self.cuts = True
        self._server: Server = serve(self._serve, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _serve(self, line: ServerConnection) -> None:
        try:
            self._talk(line, User.objects.get(username__startswith=NAME))
        except (ConnectionClosed, User.DoesNotExist):
            pass
        finally:
            connections.close_all()

    def _talk(self, line: ServerConnection, user: User) -> None:
        def say(**frame: Any) -> None:
            line.send(json.dumps(frame))

        if self.refuses:
            say(type="closing", code=self.refuses, reason="Not today.")
            return line.close(self.refuses)
        say(type="welcome", userId=str(user.pk))
        head = log.Position.parse(log.head(user.pk))
        cursor = json.loads(line.recv())["lastEventId"]
        after = log.Position.parse(cursor) if cursor else head
        if after.epoch != head.epoch and self.resyncs:
            return say(type="resync", reason="epoch", id=str(head))
        missed = head.offset - after.offset if cursor else 0
        sent = self._send(line, user, after, missed)
        say(type="resumed", id=str(head), replayed=missed)
        while ApiToken.objects.exists() or not self.cuts:
            sent = self._send(line, user, sent)
            line.ping()
        say(type="closing", code=4403, reason="Your session was ended.")
        return line.close(4403)

    def _send(
        self, line: ServerConnection, user: User, after: log.Position, count: int = 1000
    ) -> log.Position:
        """What the log has after a position; the new position."""
        with redis.Redis.from_url(log.address().url) as server:
            key = f"rt:{{{user.pk}}}:stream"
            entries = server.xrange(key, min=f"{after.offset + 1}-0", count=max(1, count))
        events = [
            json.loads(fields[b"e"]) | {"id": f"{after.epoch}-{entry.split(b'-')[0].decode()}"}
            for entry, fields in (entries if count else [])
        ]
        for event in self.wrong(events):
            line.send(json.dumps(event))
        return log.Position(after.epoch, after.offset + len(events))


@pytest.fixture
def web(valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(self_test, "SECONDS", 2.0)
    monkeypatch.setattr(self_test, "CUT_SECONDS", 2.0)
    server = WebServer()
    yield server
    server.stop()


def check(web: WebServer) -> list[str]:
    """The stages that it went through."""
    stages: list[str] = []
    self_test.self_test(lambda stage, *_: stages.append(stage), web.url)
    return stages


def only(number: int, change: Wrong) -> Wrong:
    """Change what comes with one event, and leave the rest."""

    def wrong(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            sent
            for event in events
            for sent in (change([event]) if event["content"] == str(number) else [event])
        ]

    return wrong


def assert_nothing_is_left(valkey: redis.Redis) -> None:
    for model in (User, ApiToken, Session, OutboxEvent, Job):
        assert not model.objects.exists()
    assert valkey.keys("rt:*:stream") == []


def test_where_nothing_is_lost_it_passes_and_leaves_nothing(
    web: WebServer, valkey: redis.Redis
) -> None:
    assert check(web) == [
        "OPENING", "SENDING", "CUTTING", "MISSING", "RESUMING", "STALE", "REVOKING",
    ]  # fmt: skip
    assert_nothing_is_left(valkey)


@pytest.mark.parametrize("number", [7, 60, 90, 130], ids=["live", "cut", "unheard", "away"])
def test_an_event_that_is_withheld_is_missed(
    web: WebServer, valkey: redis.Redis, number: int
) -> None:
    web.wrong = only(number, lambda _: [])
    with pytest.raises(Failure, match=f"{number + 1} came where {number} was due"):
        check(web)
    assert_nothing_is_left(valkey)


def test_a_last_event_that_is_withheld_is_missed(web: WebServer) -> None:
    web.wrong = only(50, lambda _: [])
    with pytest.raises(Failure, match="event 50 of 50 was due"):
        check(web)


def test_an_event_that_comes_twice_is_told(web: WebServer) -> None:
    web.wrong = only(130, lambda events: events * 2)
    with pytest.raises(Failure, match="130 came twice"):
        check(web)


def test_a_server_that_takes_an_old_id_for_a_new_one_is_found_out(web: WebServer) -> None:
    web.resyncs = False
    with pytest.raises(Failure, match="`resync` was due"):
        check(web)


def test_a_line_that_outlives_its_token_is_found_out(web: WebServer) -> None:
    web.cuts = False
    with pytest.raises(Failure, match="not cut within 2 s"):
        check(web)


def test_a_refusal_is_told_in_the_server_s_words(web: WebServer, valkey: redis.Redis) -> None:
    web.refuses = 4403
    with pytest.raises(Failure, match=r"closed with 4403\. Not today\."):
        check(web)
    assert_nothing_is_left(valkey)


def test_without_a_web_server_it_says_where_it_looked(valkey: redis.Redis) -> None:
    with pytest.raises(Failure, match=r"no line at http://127.0.0.1:1: .*WEB_URL"):
        self_test.self_test(lambda *_: None, "http://127.0.0.1:1")
    with pytest.raises(Failure, match="looks like http://host:port"):
        self_test.self_test(lambda *_: None, "localhost:8000")
    assert_nothing_is_left(valkey)


def test_a_host_that_the_server_does_not_know_is_asked_for_by_one_it_does(
    web: WebServer, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["workspace.example"]
    assert check(web)


def test_what_a_killed_test_left_behind_goes_and_nobody_else_s(db: None) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    for name in (f"{NAME}1", "self-test-person"):
        User.objects.create_user(name, date_joined=long_ago)
    User.objects.create_user(f"{NAME}2")  # of a test that runs now
    tasks.forget()
    assert set(User.objects.values_list("username", flat=True)) == {f"{NAME}2", "self-test-person"}


def test_the_command_tells_each_step_and_its_time(web: WebServer) -> None:
    said = StringIO()
    call_command("realtimecheck", "--url", web.url, stdout=said)
    assert [line[:2] for line in said.getvalue().splitlines()] == ["ok"] * 7 + ["Al"]
    assert "All 150 events came once and in order" in said.getvalue()
    said = StringIO()
    call_command("realtimecheck", "--url", web.url, "--json", stdout=said)
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert all(line["ok"] and line["ms"] >= 0 for line in lines)
    assert len(lines) == 8


def test_the_command_fails_in_one_line(web: WebServer) -> None:
    web.wrong = only(7, lambda _: [])
    said = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("realtimecheck", "--url", web.url, "--json", stdout=said)
    assert len(str(failed.value).splitlines()) == 1
    last = json.loads(said.getvalue().splitlines()[-1])
    assert (last["ok"], last["stage"]) == (False, "SENDING")


# --- As a job -------------------------------------------------------------------------------------
@pytest.fixture
def staff(ann: User) -> Client:
    ann.is_staff = True
    ann.save()
    return device(ann)[0]


def test_staff_begin_one_at_a_time_and_are_told_how_it_goes(
    web: WebServer, staff: Client, ann: User, settings: Any, events_of: Callable[[User], Any]
) -> None:
    settings.WEB_URL = web.url
    begun = staff.post(API)
    assert begun.status_code == 202
    test_id = begun.json()["testId"]
    assert staff.post(API).json()["testId"] == test_id
    tasks.test_itself(str(Job.objects.get().pk))
    shown = staff.get(f"{API}/{test_id}").json()
    assert (shown["status"], shown["progress"]) == ("DONE", 100)
    assert set(shown["timings"]) >= {"CUTTING", "RESUMING"}
    events = events_of(ann)
    assert {event["type"] for event in events} == {"self_test"}
    assert events[0]["status"] == "QUEUED"
    assert (events[-1]["status"], events[-1]["terminal"]) == ("DONE", True)
    assert staff.post(API).json()["testId"] != test_id


def test_a_job_that_finds_something_fails_with_it(
    web: WebServer, staff: Client, settings: Any
) -> None:
    settings.WEB_URL = web.url
    web.refuses = 1013
    test_id = staff.post(API).json()["testId"]
    tasks.test_itself(str(Job.objects.get().pk))
    shown = staff.get(f"{API}/{test_id}").json()
    assert shown["status"] == Status.FAILED
    assert "1013" in shown["error"]


def test_others_than_staff_begin_and_see_none(staff: Client, client: Client, bob: User) -> None:
    test_id = staff.post(API).json()["testId"]
    bobs, _ = device(bob)
    headers, _ = program(bob)
    assert client.post(API).status_code == 401
    assert bobs.post(API).status_code == 404
    assert client.post(API, headers=headers).status_code == 404
    assert bobs.get(f"{API}/{test_id}").status_code == 404
    bob.is_staff = True
    bob.save()
    assert bobs.get(f"{API}/{test_id}").status_code == 404
    assert Job.objects.count() == 1
