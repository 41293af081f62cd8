"""What is counted and measured, where it happens; and who may scrape it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from realtime import hub as hub_module
from realtime import log, scrape
from realtime.hub import Hub
from realtime.log_clock import LogClock
from realtime.models import Job, OutboxEvent, Status
from tests.realtime.counted import Change
from tests.realtime.people import device, program
from tests.realtime.tab import Tab, say


@pytest.fixture
async def hub(valkey: redis.Redis) -> AsyncIterator[Hub]:
    hub = Hub()
    yield hub
    await hub.close()


@pytest.fixture
async def tab(hub: Hub) -> AsyncIterator[Tab]:
    tab = Tab(hub)
    yield tab
    await tab.close()


# --- Delivery -----------------------------------------------------------------------------------
async def test_an_event_is_timed_once_for_all_the_tabs_of_a_process(hub: Hub) -> None:
    count = Change("realtime_append_to_socket_seconds_count")
    seconds = Change("realtime_append_to_socket_seconds_sum")
    tabs = [await Tab(hub).open() for _ in range(3)]
    say(*range(10))
    for tab in tabs:
        await tab.has(11)
        await tab.close()
    assert count() == 10
    assert 0 < seconds() < 10


async def test_a_gap_between_announcements_is_counted(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = Change("realtime_gaps_total", source="announcement")
    await tab.open()
    await tab.has(1)
    with monkeypatch.context() as patched:
        patched.setattr(log, "group_channel", lambda _: "nobody-listens-here")
        say(1, 2)
    say(3)
    await tab.has(4)
    assert gaps() == 1


async def test_a_lost_last_event_is_found_by_the_head_check_and_counted(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = Change("realtime_gaps_total", source="head_check")
    monkeypatch.setattr(hub_module, "HEAD_CHECK", 0.3)
    await tab.open()
    say(1)
    await tab.has(2)
    with monkeypatch.context() as patched:
        patched.setattr(log, "group_channel", lambda _: "nobody-listens-here")
        say(2)
    await tab.has(3)
    assert gaps() == 1
    assert tab.numbers == [1, 2]


async def test_what_was_lost_while_the_layer_was_cut_off_is_found_when_it_is_back(
    tab: Tab, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = Change("realtime_gaps_total", source="reconnect")
    await tab.open()
    await tab.has(1)
    valkey.client_kill_filter(_type="pubsub")
    say(1)
    async with asyncio.timeout(hub_module.HEAD_CHECK / 2):
        await tab.has(2)
    assert gaps() == 1


async def test_resumes_and_what_they_replay_are_counted(hub: Hub) -> None:
    given, none = (Change("realtime_resumes_total", cursor=cursor) for cursor in ("given", "none"))
    replayed = Change("realtime_replayed_events_total")
    seen, *_ = say(*range(6))
    for cursor, frames in ((seen, 6), (None, 1)):
        tab = await Tab(hub).open(cursor)
        await tab.has(frames)
        await tab.close()
    assert (given(), none(), replayed()) == (1, 1, 5)


async def test_a_resync_is_counted_by_its_reason(tab: Tab) -> None:
    epoch, ahead = (Change("realtime_resyncs_total", reason=r) for r in ("epoch", "ahead"))
    say(1)
    await tab.open("beforerestart-9")
    await tab.has(1)
    assert (epoch(), ahead()) == (1, 0)


async def test_replays_that_wait_for_their_turn_are_known(hub: Hub) -> None:
    waiting = Change("realtime_replays_waiting")
    turns = [hub.replays.__aenter__() for _ in range(16)]
    await asyncio.gather(*turns)
    late = asyncio.create_task(hub.replays.__aenter__())
    await asyncio.sleep(0)
    assert waiting() == 1
    await hub.replays.__aexit__()
    await late
    assert waiting() == 0


def test_a_latency_is_right_although_the_clocks_differ() -> None:
    clock, away = LogClock(), 3600.0  # the server's clock is an hour ahead
    asked = time.monotonic()
    server_time = time.time() + away
    clock.told(server_time, asked, asked + 0.004)
    assert 0 <= clock.since(server_time) < 0.5
    assert clock.since(server_time - 2) == pytest.approx(2, abs=0.5)
    assert clock.since(server_time + 60) == 0


def test_a_slow_answer_does_not_unsettle_a_clock_that_agrees() -> None:
    clock = LogClock()
    now = time.monotonic()
    clock.told(time.time() - 1, now - 2, now)
    assert clock.since(time.time()) < 0.5


# --- What is looked up ----------------------------------------------------------------------------
@pytest.fixture
def look_up_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "FRESH", 0.0)
    monkeypatch.setitem(scrape.PARTS, "workers", lambda: [])  # no worker here, which takes a second


@pytest.fixture
def looked_up(look_up_always: None, db: None) -> Client:
    staff = User.objects.create_user("carol", is_staff=True)
    return device(staff)[0]


def numbers(client: Client) -> dict[str, float]:
    """By name and labels, as Prometheus would write them."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    found = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_jobs_are_counted_by_kind_and_status_and_the_oldest_is_known(
    looked_up: Client, queued: Job
) -> None:
    Job.objects.update(queued_at=timezone.now() - timedelta(minutes=3))
    found = numbers(looked_up)
    assert found["realtime_jobs{kind=tests.count,status=QUEUED}"] == 1
    assert 180 <= found["realtime_jobs_oldest_queued_seconds{kind=tests.count}"] < 200
    assert found["realtime_jobs_overdue"] == 0
    Job.objects.update(status=Status.RUNNING, lease_until=timezone.now() - timedelta(minutes=1))
    assert numbers(looked_up)["realtime_jobs_overdue"] == 1


def test_the_age_of_the_outbox_table_is_that_of_its_oldest_event(
    looked_up: Client, ann: User
) -> None:
    assert numbers(looked_up)["realtime_outbox_table_oldest_seconds"] == 0
    for _ in range(2):
        OutboxEvent.objects.create(user=ann, payload=b"{}")
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(seconds=40))
    found = numbers(looked_up)
    assert found["realtime_outbox_table_events"] == 2
    assert 40 <= found["realtime_outbox_table_oldest_seconds"] < 60


def test_messages_that_wait_in_a_queue_are_counted(looked_up: Client, valkey: redis.Redis) -> None:
    assert numbers(looked_up)["realtime_queue_messages{queue=documents}"] == 0
    valkey.rpush("documents", json.dumps({}), json.dumps({}))
    assert numbers(looked_up)["realtime_queue_messages{queue=documents}"] == 2


def test_what_does_not_answer_is_left_out_and_said_so(
    looked_up: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert numbers(looked_up)["realtime_part_answered{part=queues}"] == 1

    def away() -> None:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(scrape.backlog, "queue_lengths", away)
    found = numbers(looked_up)
    assert found["realtime_part_answered{part=queues}"] == 0
    assert "realtime_queue_messages{queue=documents}" not in found
    assert found["realtime_part_answered{part=jobs}"] == 1


def test_every_number_is_explained(looked_up: Client, queued: Job) -> None:
    page = (settings.BASE_DIR / "docs/operations.md").read_text()
    for name in numbers(looked_up):
        base = name.partition("{")[0].removesuffix("_max")
        for ending in ("_bucket", "_count", "_sum", "_created"):
            base = base.removesuffix(ending)
        assert base in page or not base.startswith("realtime_"), name


# --- Who may scrape -------------------------------------------------------------------------------
def test_only_staff_may_scrape(look_up_always: None, client: Client, ann: User, bob: User) -> None:
    bobs, _ = device(bob)
    assert client.get("/metrics").status_code == 404
    assert bobs.get("/metrics").status_code == 404
    assert client.get("/metrics", headers=program(bob)[0]).status_code == 404
    ann.is_staff = True
    ann.save()
    reads, _ = program(ann, "read")
    writes, _ = program(ann, "write")
    assert client.get("/metrics", headers=reads).status_code == 200
    assert client.get("/metrics", headers=writes).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wk_no"}).status_code == 401
    ann.is_active = False
    ann.save()
    assert client.get("/metrics", headers=reads).status_code == 401
