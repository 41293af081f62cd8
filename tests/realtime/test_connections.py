"""Who is connected, to all web processes: asked by staff, and closed by them."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client

from realtime import connections, roll_call
from realtime.delivery import Delivery
from realtime.hub import hub
from realtime.identities import Identity
from realtime.metrics import SocketKind
from realtime.roll_call import RollCall
from tests.realtime.people import device, program
from tests.realtime.tab import say

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rows")]
API = "/api/realtime/connections"


class Line:
    """An open connection whose client acknowledges nothing."""

    def __init__(self, username: str, kind: SocketKind = "websocket") -> None:
        self.id, self.kind, self.since = uuid.uuid4().hex, kind, time.time()
        self.identity = Identity(7, username, f"session:{uuid.uuid4()}", None)
        self.delivery = Delivery(lambda _: None, hub().replays)
        self.ended: list[Any] = []

    def end(self, code: int, reason: str, retry_after_ms: int | None = None) -> None:
        self.ended.append((code, reason, retry_after_ms))

    async def receives(self, count: int) -> "Line":
        feed = await hub().join(7, self.delivery)
        self.delivery.start(feed, None)
        await asyncio.to_thread(say, *range(count))
        async with asyncio.timeout(5):
            while self.delivery.lag < count:
                await asyncio.sleep(0.01)
        return self


class Process:
    """A web process, as far as a roll call knows of it."""

    def __init__(self, name: str) -> None:
        self.lines: dict[str, Line] = {}
        self.roll_call = RollCall(self.lines)
        self.roll_call.name = name

    def add(self, line: Line) -> Line:
        self.lines[line.id] = line
        return line

    async def begin(self) -> "Process":
        self.roll_call.begin()
        async with asyncio.timeout(5):
            while self.roll_call.name not in await asyncio.to_thread(connections._processes):
                await asyncio.sleep(0.01)
        return self


@pytest.fixture
async def process(valkey: redis.Redis) -> AsyncIterator[Process]:
    process = await Process("one").begin()
    yield process
    await process.roll_call.end()
    await hub().close()


@pytest.fixture
def staff(ann: User) -> Client:
    ann.is_staff = True
    ann.save()
    return device(ann)[0]


async def listed(client: Client, **query: Any) -> dict[str, Any]:
    answer = await sync_to_async(client.get)(API, query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


async def test_those_that_lag_most_come_first_and_the_totals_are_of_all(
    process: Process, staff: Client
) -> None:
    quick = process.add(Line("ann"))
    slow = process.add(await Line("bob", "sse").receives(3))
    found = await listed(staff)
    assert [row["connectionId"] for row in found["connections"]] == [slow.id, quick.id]
    row = found["connections"][0]
    assert (row["username"], row["kind"], row["grant"], row["process"]) == (
        "bob", "sse", "session", "one",
    )  # fmt: skip
    assert (row["lagEvents"], row["outboxEvents"]) == (3, 3)
    assert 0 < row["outboxBytes"] == found["outboxBytes"]
    assert found["processes"] == [{"name": "one", "answered": True, "websockets": 1, "sse": 1}]
    first = await listed(staff, limit=1)
    assert (first["count"], len(first["connections"])) == (2, 1)


async def test_a_process_that_does_not_answer_is_named(
    process: Process, staff: Client, valkey: redis.Redis
) -> None:
    process.add(Line("ann"))
    valkey.zadd(roll_call.PROCESSES, {"killed": time.time() + 10, "long gone": time.time() - 1})
    began = time.monotonic()
    found = await listed(staff)
    assert time.monotonic() - began < 2
    assert [process["name"] for process in found["processes"]] == ["one", "killed"]
    assert found["processes"][1] == {"name": "killed", "answered": False}
    assert found["count"] == 1
    assert not [key for key in valkey.keys("rt:{web}:answers:*") if valkey.ttl(key) < 0]


async def test_staff_close_a_connection_and_its_client_comes_back(
    process: Process, staff: Client, valkey: redis.Redis
) -> None:
    one, other = process.add(Line("ann")), process.add(Line("bob"))
    answer = await sync_to_async(staff.delete)(f"{API}/{one.id}")
    assert answer.status_code == 204
    [(code, _, retry_after_ms)] = one.ended
    assert code == 1012
    assert retry_after_ms > 0
    assert other.ended == []
    assert (await sync_to_async(staff.delete)(f"{API}/unknown")).status_code == 404
    valkey.zadd(roll_call.PROCESSES, {"killed": time.time() + 10})
    assert (await sync_to_async(staff.delete)(f"{API}/unknown")).status_code == 503


async def test_a_process_that_ends_in_order_is_not_waited_for(process: Process) -> None:
    other = await Process("other").begin()
    assert await asyncio.to_thread(connections._processes) == {"one", "other"}
    await other.roll_call.end()
    assert await asyncio.to_thread(connections._processes) == {"one"}


async def test_others_than_staff_see_and_close_nothing(
    process: Process, client: Client, bob: User
) -> None:
    line = process.add(Line("ann"))
    bobs, _ = await sync_to_async(device)(bob)
    headers, _ = await sync_to_async(program)(bob)
    for who, status in ((bobs, 404), (client, 401)):
        assert (await sync_to_async(who.get)(API)).status_code == status
        assert (await sync_to_async(who.delete)(f"{API}/{line.id}")).status_code == status
    assert (await sync_to_async(client.get)(API, headers=headers)).status_code == 404
    assert line.ended == []
