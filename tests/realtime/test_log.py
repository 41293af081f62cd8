"""The log and publishing into it, on a real Valkey."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime import log, log_server, publish
from realtime.events import MessageChunk, encode
from realtime.log_server import Address, Line
from realtime.models import OutboxEvent
from tests.stack import until

Events = Callable[[User], list[dict[str, Any]]]


def chunk(content: str) -> MessageChunk:
    return MessageChunk(
        message_id="m", session_id="", content=content, is_complete=False, content_offset=0
    )


def test_offsets_are_contiguous_from_one(valkey: redis.Redis) -> None:
    positions = [log.append(1, b'{"type":"x"}') for _ in range(3)]
    assert [position.offset for position in positions] == [1, 2, 3]
    assert len({position.epoch for position in positions}) == 1
    assert log.head(1) == str(positions[-1])


def test_users_have_streams_of_their_own(valkey: redis.Redis) -> None:
    log.append(1, b"{}")
    assert log.append(2, b"{}").offset == 1


def test_an_event_with_a_key_is_appended_once(valkey: redis.Redis) -> None:
    first = log.append(1, b"{}", key="7")
    assert log.append(1, b"{}", key="7") == first


def test_what_many_say_at_once_has_contiguous_offsets_in_the_order_of_the_log(
    valkey: redis.Redis,
) -> None:
    def work(worker: int) -> list[int]:
        payloads = [json.dumps([worker, n]).encode() for n in range(100)]
        return [log.append(1, payload).offset for payload in payloads]

    with ThreadPoolExecutor(8) as workers:
        offsets = list(workers.map(work, range(8)))
    assert sorted(chain.from_iterable(offsets)) == list(range(1, 801))
    for worker, own in enumerate(offsets):
        assert own == sorted(own)
        stored = valkey.xrange("rt:{1}:stream", f"{own[-1]}-0", f"{own[-1]}-{2**64 - 1}")
        assert [json.loads(fields[b"e"]) for _, fields in stored] == [[worker, 99]]


def test_an_older_attempt_of_a_job_says_nothing_more(valkey: redis.Redis) -> None:
    assert log.append(1, b"{}", job="j", fence=1)
    newer = log.append(1, b"{}", job="j", fence=2)
    assert log.append(1, b"{}", job="j", fence=1) is None
    assert log.append(1, b"{}", job="another", fence=1).offset == newer.offset + 1


def test_an_append_is_one_command(valkey: redis.Redis) -> None:
    """Offset, entry, trim and announcement happen together or not at all."""
    log.append(1, b"{}")
    with valkey.monitor() as monitor:
        log.append(1, b"{}")
        log.append(2, b"{}")
        seen = []
        while not (seen and seen[-1]["command"].startswith("PUBLISH rt0__group__user-2")):
            seen.append(monitor.next_command())
    first, second = (n for n, said in enumerate(seen) if said["client_type"] != "lua")
    assert {seen[n]["command"].split()[0] for n in (first, second)} == {"EVALSHA"}
    inside = {said["command"].split()[0] for said in seen[first + 1 : second]}
    assert {"HINCRBY", "XADD", "PUBLISH"} <= inside


def test_a_flushed_server_begins_a_new_epoch(valkey: redis.Redis) -> None:
    before = log.append(1, b"{}")
    valkey.flushall()
    after = log.append(1, b"{}")
    assert after.epoch != before.epoch
    assert after.offset == 1


def test_another_server_s_memory_begins_a_new_epoch(valkey: redis.Redis) -> None:
    before = log.append(1, b"{}")
    valkey.hset("rt:{1}:meta", "run", "the id before a restart")
    after = log.Position.parse(log.head(1))
    assert after.epoch != before.epoch
    assert after.offset == 0


async def test_a_connection_that_the_server_closed_is_not_an_error(valkey: redis.Redis) -> None:
    reader = log.AsyncLog()
    first = log.append(1, b"{}")
    assert await reader.head(1) == first
    for kind in ("normal", "pubsub"):
        valkey.client_kill_filter(_type=kind, skipme=True)
    assert await reader.head(1) == first
    assert log.append(1, b"{}").offset == first.offset + 1
    await reader.close()


async def test_reading_gives_what_came_after(valkey: redis.Redis) -> None:
    first = log.append(1, b'{"n":1}')
    log.append(1, b'{"n":2}')
    log.append(1, b'{"n":3}')
    reader = log.AsyncLog()
    reading = await reader.read(1, first, 10)
    await reader.close()
    assert (reading.head.offset, reading.entries[0].offset) == (3, 2)
    assert [entry.payload for entry in reading.entries] == [b'{"n":2}', b'{"n":3}']


async def test_what_was_trimmed_is_said_to_be_gone(valkey: redis.Redis, settings: Any) -> None:
    settings.REALTIME_LOG_EVENTS = 5
    first = log.append(1, b"{}")
    for _ in range(10):
        log.append(1, b"{}")
    reader = log.AsyncLog()
    with pytest.raises(log.Trimmed):
        await reader.read(1, first, 100)
    await reader.close()


async def test_what_is_too_old_is_gone(valkey: redis.Redis, settings: Any) -> None:
    settings.REALTIME_LOG_SECONDS = 1
    seen = log.append(1, b"{}")
    log.append(1, b"{}")
    reader = log.AsyncLog()
    assert len((await reader.read(1, seen, 100)).entries) == 1
    await asyncio.to_thread(until, lambda: not valkey.exists("rt:{1}:stream"))
    with pytest.raises(log.Trimmed):
        await reader.read(1, seen, 100)
    assert log.append(1, b"{}").offset == seen.offset + 2
    await reader.close()


def test_what_is_too_old_goes_while_others_come(valkey: redis.Redis, settings: Any) -> None:
    settings.REALTIME_LOG_SECONDS = 1
    first = log.append(1, b"{}")

    def offsets() -> list[int]:
        for _ in range(32):  # so often it is looked at
            log.append(1, b"{}")
        return [int(entry.split(b"-")[0]) for entry, _ in valkey.xrange("rt:{1}:stream")]

    left = until(lambda: (seen := offsets()) and seen[0] > first.offset and seen)
    assert left == list(range(left[0], left[-1] + 1))


@pytest.mark.parametrize("cursor", ["", "x", "abc-", "-4", "abc-x", "a b-1", "e-" + "9" * 80])
def test_a_cursor_that_no_server_sent_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        log.Position.parse(cursor)


def test_an_event_has_the_seed_s_fields_and_no_others() -> None:
    assert set(json.loads(encode(chunk("Hi")))) == {
        "type", "messageId", "sessionId", "content", "isComplete", "contentOffset", "ts",
    }  # fmt: skip


def test_an_event_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="send ids"):
        encode(chunk("x" * 20_000))


@pytest.mark.django_db(transaction=True)
class TestPublishing:
    def test_nothing_is_said_of_what_was_rolled_back(self, ann: User, events_of: Events) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            publish.publish(ann.pk, chunk("never"))
            publish.publish(ann.pk, chunk("never"), durable=True)
            raise ZeroDivisionError
        assert events_of(ann) == []
        assert not OutboxEvent.objects.exists()

    def test_events_are_said_in_order_after_the_commit(self, ann: User, events_of: Events) -> None:
        with transaction.atomic():
            for word in ("one", "two", "three"):
                publish.publish(ann.pk, chunk(word), durable=True)
            assert events_of(ann) == []
        assert [event["content"] for event in events_of(ann)] == ["one", "two", "three"]
        assert not OutboxEvent.objects.exists()

    def test_all_of_a_transaction_is_moved_to_the_log_at_once(
        self, ann: User, events_of: Events
    ) -> None:
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            for word in ("one", "two", "three"):
                publish.publish(ann.pk, chunk(word), durable=True)
        assert sum("FOR UPDATE" in query["sql"] for query in queries) == 1
        assert [event["content"] for event in events_of(ann)] == ["one", "two", "three"]

    def test_what_is_said_after_a_part_was_rolled_back_is_said(
        self, ann: User, events_of: Events
    ) -> None:
        with transaction.atomic():
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                publish.publish(ann.pk, chunk("never"), durable=True)
                raise ZeroDivisionError
            publish.publish(ann.pk, chunk("said"), durable=True)
        assert [event["content"] for event in events_of(ann)] == ["said"]

    def test_a_durable_event_waits_for_a_log_that_is_away(
        self, ann: User, events_of: Events, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            away = Line(lambda: Address.parse("redis://127.0.0.1:1/0"))
            patched.setattr(log, "_line", away)
            publish.publish(ann.pk, chunk("late"), durable=True)
            publish.publish(ann.pk, chunk("dropped"))
        assert events_of(ann) == []
        publish.sweep(timedelta(0))
        publish.sweep(timedelta(0))
        assert [event["content"] for event in events_of(ann)] == ["late"]

    def test_a_log_that_hangs_holds_work_up_once(
        self,
        ann: User,
        valkey: redis.Redis,
        events_of: Events,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(publish, "_log", publish._Log())
        log.append(ann.pk, b"{}")  # the connection is there
        pid = valkey.info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for word in ("one", "two", "three"):
                publish.publish(ann.pk, chunk("dropped"))
                publish.publish(ann.pk, chunk(word), durable=True)
            took = time.monotonic() - began
        finally:
            os.kill(pid, signal.SIGCONT)
        assert took < log_server.TIMEOUT + 0.5
        assert OutboxEvent.objects.count() == 3
        monkeypatch.setattr(publish, "_log", publish._Log())  # the respite is over
        publish.publish(ann.pk, chunk("four"), durable=True)
        said = [event.get("content") for event in events_of(ann)]
        assert [word for word in said if word not in {None, "dropped"}] == [
            "one", "two", "three", "four",
        ]  # fmt: skip

    @pytest.mark.parametrize("age", [1, -60], ids=["left behind", "before the clock was set back"])
    def test_the_sweep_finds_what_was_left_behind(
        self, ann: User, events_of: Events, age: int
    ) -> None:
        event = OutboxEvent.objects.create(user=ann, payload=encode(chunk("left")))
        written = timezone.now() - timedelta(minutes=age)
        OutboxEvent.objects.filter(pk=event.pk).update(created_at=written)
        OutboxEvent.objects.create(user=ann, payload=encode(chunk("just now")))
        publish.sweep()
        assert [event["content"] for event in events_of(ann)] == ["left", "just now"]

    def test_the_sweep_leaves_what_is_just_being_said(self, ann: User, events_of: Events) -> None:
        OutboxEvent.objects.create(user=ann, payload=encode(chunk("just now")))
        publish.sweep()
        assert events_of(ann) == []

    def test_an_event_that_was_appended_but_not_deleted_is_not_said_twice(
        self, ann: User, events_of: Events
    ) -> None:
        event = OutboxEvent.objects.create(user=ann, payload=encode(chunk("once")))
        log.append(ann.pk, bytes(event.payload), key=str(event.pk))
        publish.flush(ann.pk)
        assert len(events_of(ann)) == 1
        assert not OutboxEvent.objects.exists()
