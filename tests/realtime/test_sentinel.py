"""The log on a master with a replica behind three Sentinels, of which two must agree."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from realtime import log
from realtime.hub import Hub
from realtime.models import OutboxEvent
from realtime.publish import publish, sweep
from tests.realtime.conftest import Counted
from tests.realtime.tab import Tab, say
from tests.valkeys import Guarded, guarded

FAIL_OVER = 20.0  # seconds, with `down-after-milliseconds 500`


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("sentinel")) as servers:
        yield servers


@pytest.fixture
async def hub(servers: Guarded, log_is_at: Callable[[str], None]) -> AsyncIterator[Hub]:
    servers.master.client.flushall()
    log_is_at(servers.url)
    hub = Hub()
    yield hub
    await hub.close()


def work(user: User, numbers: range) -> float:
    """Publish durable events, each once the one before has left the outbox. The longest wait, s."""
    longest = 0.0
    for number in numbers:
        began = time.monotonic()
        state = Counted(subject="it", status="", stage="", progress=number, message="")
        publish(user.pk, state, durable=True)
        while OutboxEvent.objects.exists():
            time.sleep(0.05)
            sweep(timedelta(0))
        longest = max(longest, time.monotonic() - began)
    return longest


async def told(tab: Tab, last: int) -> tuple[list[int], str, list[int]]:
    """The numbers before and after one resync of the new epoch, and the id it named."""
    while tab.frames[-1].get("progress") != last:
        await tab.has(len(tab.frames) + 1, within=FAIL_OVER)
    resumed, *frames = tab.frames
    assert resumed["type"] == "resumed"
    [at] = [n for n, frame in enumerate(frames) if frame["type"] == "resync"]
    assert frames[at]["reason"] == "epoch"
    assert all(after["prev"] == before["id"] for before, after in pairwise(frames[at:]))
    numbers = [frame.get("progress", -1) for frame in frames]
    return numbers[:at], frames[at]["id"], numbers[at + 1 :]


@pytest.mark.django_db(transaction=True)
async def test_a_killed_master_is_replaced_and_nothing_is_silently_lost(
    servers: Guarded, hub: Hub, ann: User, rows: None
) -> None:
    tab = await Tab(hub, ann.pk).open()
    working = asyncio.create_task(sync_to_async(work)(ann, range(100)))
    await tab.has(30)
    servers.master.kill()
    assert await working < FAIL_OVER
    while not any(frame["type"] == "resync" for frame in tab.frames):
        await tab.has(len(tab.frames) + 1, within=FAIL_OVER)
    await sync_to_async(work)(ann, range(100, 101))
    before, named, after = await told(tab, 100)
    assert before == list(range(len(before)))
    reading = await hub._log.read(ann.pk, log.Position(named.split("-")[0], 0), 1000)
    logged = [json.loads(entry.payload)["progress"] for entry in reading.entries]
    assert logged == list(range(logged[0], 101))
    assert abs(logged[0] - len(before)) <= 1, "more than what was on its way is missing"
    # A page that fetches its rows as of the resync has them all; the tab was sent what followed.
    assert after == logged[log.Position.parse(named).offset :]
    await asyncio.to_thread(servers.restore)
    await tab.close()


async def test_tabs_are_told_of_a_new_master_even_when_nothing_happens(
    servers: Guarded, hub: Hub
) -> None:
    tab = await Tab(hub).open()
    await tab.has(1)
    servers.master.kill()
    resync = (await tab.has(2, within=FAIL_OVER))[1]
    assert (resync["type"], resync["reason"]) == ("resync", "epoch")
    await asyncio.to_thread(servers.restore)
    await asyncio.to_thread(say, 1)
    assert (await tab.has(3))[2]["n"] == 1
    await tab.close()


async def test_a_master_that_hangs_is_replaced_and_announcements_arrive_again(
    servers: Guarded, hub: Hub
) -> None:
    """Its connections stay open: nothing tells a listener that nobody is at the other end."""
    tab = await Tab(hub).open()
    await tab.has(1)
    hanging = servers.master
    hanging.process.send_signal(signal.SIGSTOP)
    resync = (await tab.has(2, within=FAIL_OVER))[1]
    assert (resync["type"], resync["reason"]) == ("resync", "epoch")
    [live] = await asyncio.to_thread(say, 1)
    assert (await tab.has(3, within=3))[2]["id"] == live
    hanging.process.send_signal(signal.SIGCONT)
    await asyncio.to_thread(servers.restore)
    await tab.close()
