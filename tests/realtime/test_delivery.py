"""Delivery to one socket: resume, live, gaps, and clients that do not keep up. On a real Valkey."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import redis

from realtime import delivery as delivery_module
from realtime import hub as hub_module
from realtime import log
from realtime.delivery import Delivery, TooSlow
from realtime.hub import Hub
from realtime.log import Position

USER = 7


class Tab:
    """The far end of a socket: keeps what it was sent; acknowledges when told to."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.frames: list[dict[str, Any]] = []
        self.arrived = asyncio.Event()
        self.delivery = Delivery(self._receive)
        self.task: asyncio.Task[None] | None = None

    async def _receive(self, frame: str) -> None:
        self.frames.append(json.loads(frame))
        self.arrived.set()

    async def open(self, cursor: str | None = None) -> "Tab":
        feed = await self.hub.join(USER, self.delivery)
        position = Position.parse(cursor) if cursor else None
        self.task = asyncio.create_task(self.delivery.run(feed, position))
        self.feed = feed
        return self

    async def close(self) -> None:
        if self.task:
            self.task.cancel()
            with suppress(asyncio.CancelledError, TooSlow):
                await self.task
            await self.hub.leave(self.feed, self.delivery)

    @property
    def numbers(self) -> list[int]:
        return [frame["n"] for frame in self.frames if "n" in frame]

    async def has(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(10):
            while len(self.frames) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.frames


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


def say(*numbers: int) -> list[str]:
    return [str(log.append(USER, json.dumps({"n": number}).encode())) for number in numbers]


async def test_a_new_tab_gets_what_comes_from_now_on(tab: Tab) -> None:
    [before] = say(1)
    await tab.open()
    assert (await tab.has(1))[0] == {"type": "resumed", "id": before, "replayed": 0}
    [two, three] = say(2, 3)
    assert (await tab.has(3))[1:] == [
        {"id": two, "prev": before, "n": 2},
        {"id": three, "prev": two, "n": 3},
    ]


async def test_a_tab_that_was_away_gets_all_it_missed_then_goes_on(tab: Tab) -> None:
    seen, *_ = say(*range(1, 301))
    await tab.open(seen)
    frames = await tab.has(300)
    assert tab.numbers == list(range(2, 301))
    assert frames[-1] == {"type": "resumed", "id": log.head(USER), "replayed": 299}
    say(301)
    await tab.has(301)
    assert tab.numbers[-1] == 301


async def test_every_tab_gets_every_event_in_order(hub: Hub) -> None:
    tabs = [await Tab(hub).open() for _ in range(5)]
    await asyncio.gather(*(tab.has(1) for tab in tabs))
    await asyncio.to_thread(say, *range(400))
    for tab in tabs:
        await tab.has(401)
        assert tab.numbers == list(range(400))
        await tab.close()


async def test_a_lost_announcement_is_read_from_the_log(
    tab: Tab, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tab.open()
    await tab.has(1)
    with monkeypatch.context() as patched:
        patched.setattr(log, "_group_channel", lambda _: "nobody-listens-here")
        say(1, 2)
    say(3)
    await tab.has(4)
    assert tab.numbers == [1, 2, 3]


async def test_a_lost_last_announcement_is_found_by_looking(
    hub: Hub, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tab.open()
    await tab.has(1)
    monkeypatch.setattr(log, "_group_channel", lambda _: "nobody-listens-here")
    say(1)
    await tab.feed.check_head()  # the Hub does this every few seconds
    await tab.has(2)
    assert tab.numbers == [1]


async def test_a_cursor_of_another_epoch_means_resync(tab: Tab) -> None:
    [head] = say(1)
    await tab.open("beforerestart-9")
    assert await tab.has(1) == [{"type": "resync", "reason": "epoch", "id": head}]


async def test_a_cursor_from_the_future_means_resync(tab: Tab) -> None:
    [head] = say(1)
    await tab.open(head.replace("-1", "-99"))
    assert (await tab.has(1))[0]["reason"] == "ahead"


async def test_a_cursor_whose_events_are_gone_means_resync(tab: Tab, settings: Any) -> None:
    settings.REALTIME_LOG_EVENTS = 3
    seen, *_ = say(*range(10))
    await tab.open(seen)
    assert await tab.has(1) == [{"type": "resync", "reason": "trimmed", "id": log.head(USER)}]
    say(10)
    assert (await tab.has(2))[1]["n"] == 10  # and no `resumed`: not everything was sent


async def test_a_server_that_lost_its_memory_means_resync(tab: Tab, valkey: redis.Redis) -> None:
    say(1)
    await tab.open()
    await tab.has(1)
    valkey.flushall()
    say(2)
    assert (await tab.has(2))[1]["reason"] == "epoch"
    say(3)
    await tab.has(3)
    assert tab.numbers == [3]


async def test_a_client_that_reads_nothing_costs_a_window_and_holds_up_nobody(
    hub: Hub, tab: Tab
) -> None:
    [start] = say(0)
    await tab.open(start)
    quick = await Tab(hub).open(start)
    count = delivery_module.WINDOW_FRAMES + 200

    async def acknowledge_all() -> None:
        while len(quick.numbers) < count:
            quick.delivery.acknowledge(Position.parse(log.head(USER)))
            await asyncio.sleep(0)

    for number in range(1, count + 1):
        say(number)
        if number % 100 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await acknowledge_all()
    assert len(tab.numbers) == delivery_module.WINDOW_FRAMES
    tab.delivery.acknowledge(Position.parse(tab.frames[-1]["id"]))
    await tab.has(count + 1)
    assert tab.numbers == quick.numbers == list(range(1, count + 1))
    await quick.close()


async def test_a_client_that_stays_stalled_is_closed(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "STALLED", 0.1)
    monkeypatch.setattr(delivery_module, "WINDOW_FRAMES", 2)
    [start] = say(0)
    say(1, 2, 3)
    await tab.open(start)
    assert tab.task
    with pytest.raises(TooSlow):
        await asyncio.wait_for(asyncio.shield(tab.task), 5)
    assert tab.numbers == [1, 2]


async def test_the_recent_frames_of_a_feed_are_bounded(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "RECENT_BYTES", 1000)
    await tab.open()
    say(*range(100))
    await tab.has(101)
    assert tab.feed._recent_bytes <= 1000
    assert tab.numbers == list(range(100))


async def test_joining_survives_connections_that_the_server_closed(
    hub: Hub, tab: Tab, valkey: redis.Redis
) -> None:
    await tab.open()
    await tab.has(1)
    await tab.close()
    for kind in ("normal", "pubsub"):
        valkey.client_kill_filter(_type=kind, skipme=True)
    another = await Tab(hub).open()
    await another.has(1)
    say(1)
    await another.has(2)
    assert another.numbers == [1]
    await another.close()


async def test_leaving_and_joining_at_once_still_listens(hub: Hub) -> None:
    for number in range(5):
        first = await Tab(hub).open()
        second = Tab(hub)
        await asyncio.gather(first.close(), second.open())
        await second.has(1)
        say(number)
        await second.has(2)
        assert second.numbers == [number]
        await second.close()


async def test_a_tab_that_goes_while_the_log_is_away_is_forgotten(
    hub: Hub, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tab.open()

    async def away(*_: object) -> Position:
        raise redis.ConnectionError("refused")

    with monkeypatch.context() as patched:
        patched.setattr(tab.feed._log, "head", away)
        with pytest.raises(redis.ConnectionError):
            await Tab(hub).open()
    assert tab.feed.sockets == {tab.delivery}
    monkeypatch.setattr(tab.feed._log, "head", lambda *_: asyncio.sleep(60))
    joining = asyncio.create_task(Tab(hub).open())
    await asyncio.sleep(0.05)
    joining.cancel()
    await asyncio.wait([joining])
    assert tab.feed.sockets == {tab.delivery}
