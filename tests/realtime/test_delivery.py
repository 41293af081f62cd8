"""Delivery to one socket: resume, live, gaps, and clients that do not keep up. On a real Valkey."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from realtime import delivery as delivery_module
from realtime import feed as feed_module
from realtime import log
from realtime.admission import Admission
from realtime.delivery import Delivery
from realtime.events import LATEST
from realtime.hub import Hub
from realtime.log import Position
from tests.realtime.tab import USER, Tab, say


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
        patched.setattr(log, "group_channel", lambda _: "nobody-listens-here")
        say(1, 2)
    say(3)
    await tab.has(4)
    assert tab.numbers == [1, 2, 3]


async def test_a_lost_last_announcement_is_found_by_looking(
    hub: Hub, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tab.open()
    await tab.has(1)
    monkeypatch.setattr(log, "group_channel", lambda _: "nobody-listens-here")
    say(1)
    assert tab.feed
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


async def test_a_client_that_acknowledges_nothing_is_known_to_be_stalled(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "WINDOW_FRAMES", 2)
    [start] = say(0)
    say(1, 2, 3)
    await tab.open(start)
    await tab.has(2)
    assert tab.numbers == [1, 2]
    since = tab.delivery.stalled_since
    assert since is not None
    tab.delivery.acknowledge(Position.parse(tab.frames[0]["id"]))
    assert tab.delivery.stalled_since is None
    await tab.has(4)
    assert tab.numbers == [1, 2, 3]


async def test_a_client_that_lags_gets_the_latest_of_a_kind_and_texts_as_one(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "WINDOW_FRAMES", 2)
    [start] = say(0)
    await tab.open(start)
    for number in range(3, 30):
        append = {"n": number, "content": "ab", "contentOffset": number * 2, "attempt": 1}
        log.append(USER, json.dumps(append).encode(), coalesce="content:text")
        log.append(USER, json.dumps({"n": number}).encode(), coalesce=f"{LATEST}job")
    [state] = say(99)
    say(100)
    await tab.has(3)
    assert tab.numbers == [3, 3]
    tab.delivery.acknowledge(Position.parse(tab.frames[-1]["id"]))
    text, progress = (await tab.has(5))[3:5]
    assert (text["contentOffset"], text["content"], text["n"]) == (8, "ab" * 26, 29)
    assert (progress["n"], progress["prev"]) == (29, text["id"])
    tab.delivery.acknowledge(Position.parse(progress["id"]))
    assert [frame["n"] for frame in (await tab.has(7))[5:]] == [99, 100]
    assert tab.frames[5]["id"] == state
    assert tab.frames[5]["prev"] == progress["id"]


async def test_the_recent_frames_of_a_feed_are_bounded(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "RECENT_BYTES", 1000)
    await tab.open()
    say(*range(100))
    await tab.has(101)
    assert tab.feed
    assert tab.feed._bytes <= 1000
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


async def test_what_was_announced_while_the_line_was_down_is_read_soon(
    tab: Tab, valkey: redis.Redis
) -> None:
    await tab.open()
    await tab.has(1)
    valkey.client_kill_filter(_type="pubsub", skipme=True)
    say(1)
    await tab.has(2, within=5)
    assert tab.numbers == [1]


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
    seen, *_ = say(*range(3))
    await tab.open()
    ahead = seen.replace("-1", "-9")

    async def away(*_: object) -> Position:
        raise redis.ConnectionError("refused")

    assert tab.feed
    with monkeypatch.context() as patched:
        patched.setattr(tab.feed._log, "head", away)
        with pytest.raises(redis.ConnectionError):
            await Tab(hub).open(ahead)
    assert tab.feed.sockets == {tab.delivery}
    monkeypatch.setattr(tab.feed._log, "head", lambda *_: asyncio.sleep(60))
    joining = asyncio.create_task(Tab(hub).open(ahead))
    await asyncio.sleep(0.05)
    joining.cancel()
    await asyncio.wait([joining])
    assert tab.feed.sockets == {tab.delivery}


async def test_a_person_whose_tabs_all_go_while_joining_is_listened_for_no_longer(hub: Hub) -> None:
    tab = Tab(hub)
    joining = asyncio.create_task(tab.open())
    while not hub._joins:
        await asyncio.sleep(0)
    [join] = hub._joins.values()
    joining.cancel()
    await asyncio.wait([joining, join])
    assert not hub._feeds
    await (again := Tab(hub)).open()
    say(1)
    await again.has(2)
    await again.close()


async def test_a_replay_that_waits_too_long_for_its_turn_is_put_off(
    hub: Hub, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.replays = Admission(at_once=1, deadline=0.05)
    tab.delivery = Delivery(tab._receive, hub.replays)
    [seen, head] = say(1, 2)
    async with hub.replays:
        await tab.open(seen)
        resync = (await tab.has(1))[0]
    assert (resync["type"], resync["reason"], resync["id"]) == ("resync", "overload", head)
    assert resync["retryAfterMs"] > 0


async def test_who_missed_very_much_is_told_to_fetch_afresh(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "MOST_REPLAYED", 5)
    seen, *_ = say(*range(10))
    await tab.open(seen)
    assert (await tab.has(1))[0]["reason"] == "too_many"
