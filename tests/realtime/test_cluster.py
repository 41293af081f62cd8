"""The log on a Valkey Cluster of three nodes, with people on each of them."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis

from realtime import connections, log
from realtime.hub import Hub
from realtime.hub import hub as shared_hub
from realtime.log import Position
from realtime.members import Members, Touch, member_of, people_at
from realtime.topics import Topic
from tests.realtime.counted import Change
from tests.realtime.tab import Tab, say
from tests.realtime.test_connections import Line, Process
from tests.stack import until
from tests.valkeys import Cluster, cluster

FAIL_OVER = 20.0  # seconds, with `cluster-node-timeout 1000`


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture
def people(nodes: Cluster, log_is_at: Callable[[str], None]) -> list[int]:
    """One on each node; with the log there."""
    log_is_at(nodes.url)
    return [nodes.users_at(number)[0] for number in range(3)]


@pytest.fixture
async def hub(people: list[int]) -> AsyncIterator[Hub]:
    hub = Hub()
    yield hub
    await hub.close()


def test_each_person_has_a_stream_on_a_node_of_theirs(nodes: Cluster, people: list[int]) -> None:
    for number, user in enumerate(people):
        ids = say(1, 2, 3, to=user)
        assert [Position.parse(each).offset for each in ids] == [1, 2, 3]
        assert log.head(user) == ids[-1]
        keys = nodes.nodes[number].client.keys(f"rt:{{{user}}}:*")
        assert {f"rt:{{{user}}}:stream".encode(), f"rt:{{{user}}}:meta".encode()} <= set(keys)


def test_a_key_or_a_newer_attempt_counts_there_too(people: list[int]) -> None:
    for user in people:
        first = log.append(user, b"{}", key="once", job="j", fence=2)
        assert log.append(user, b"{}", key="once", job="j", fence=2) == first
        assert log.append(user, b"{}", job="j", fence=1) is None


def test_a_stream_is_followed(people: list[int]) -> None:
    for user in people:
        after = Position.parse(log.head(user))
        following = log.follow(user, after)
        ids = say(1, 2, to=user)
        assert [str(next(following)[0]) for _ in ids] == ids


async def test_tabs_of_people_on_every_node_get_theirs_live(hub: Hub, people: list[int]) -> None:
    """The process listens at one node; the others pass on what is published at them."""
    gaps = Change("realtime_gaps_total", source="announcement")
    tabs = [await Tab(hub, user).open() for user in people]
    for tab in tabs:
        await asyncio.to_thread(say, *range(300), to=tab.user_id)
    for tab in tabs:
        await tab.has(301)
        assert tab.numbers == list(range(300))
        await tab.close()
    assert gaps() == 0, "an announcement was lost or late"


async def test_web_processes_answer_there_who_is_connected(people: list[int]) -> None:
    process = await Process("one").begin()
    line = process.add(Line("ann"))
    found = await asyncio.to_thread(connections.connections)
    assert [row.id for row in found.rows] == [line.id]
    assert found.silent == []
    assert await asyncio.to_thread(connections.close, line.id)
    await process.roll_call.end()
    await shared_hub().close()


async def test_who_is_at_topics_of_every_node_is_known_and_announced(
    nodes: Cluster, people: list[int], hub: Hub
) -> None:
    topics = [Topic("document", str(uuid.uuid4())) for _ in range(40)]
    members, heard, all_heard = Members(), [], asyncio.Event()

    def hear(message: dict[str, Any]) -> None:
        heard.append((message["group"], message["people"]))
        if len(heard) == len(topics):
            all_heard.set()

    for topic in topics:
        await hub.listen(topic.group, hear)
    touches = [Touch(topic, 0, [(member_of(7, "here", "ann"), 9000)]) for topic in topics]
    for present in await members.touch(touches):
        assert present.people == {"7": "ann"}
    async with asyncio.timeout(5):
        await all_heard.wait()
    assert sorted(heard) == sorted((topic.group, ["7", "ann"]) for topic in topics)
    assert all(people_at(topic) == {"7": "ann"} for topic in topics)
    assert all(node.client.keys("rt:{document:*") for node in nodes.nodes[:3])
    await members.close()


async def test_a_tab_that_was_away_gets_what_it_missed(hub: Hub, people: list[int]) -> None:
    for user in people:
        seen, *_ = await asyncio.to_thread(say, 1, 2, 3, to=user)
        tab = await Tab(hub, user).open(seen)
        await tab.has(3)
        assert tab.numbers == [2, 3]
        await tab.close()


async def test_who_is_at_topics_on_every_node_is_asked_at_once(people: list[int]) -> None:
    topics = [Topic("document", str(uuid.uuid4())) for _ in range(20)]
    members = Members()
    ann = member_of(1, "process", "ann")
    found = await members.touch([Touch(topic, 0, [(ann, 5_000)]) for topic in topics])
    assert [present.people for present in found] == [{"1": "ann"}] * len(topics)
    await members.close()


async def test_a_stream_that_moves_to_another_node_begins_a_new_epoch(
    nodes: Cluster, hub: Hub, people: list[int]
) -> None:
    user = nodes.users_at(0)[1]
    tab = await Tab(hub, user).open()
    await asyncio.to_thread(say, 1, to=user)
    await tab.has(2)
    refused = []

    def append() -> None:
        try:
            say(2, to=user)
        except redis.RedisError as error:
            refused.append(error)  # as `publish` does: what is durable waits in the outbox

    await asyncio.to_thread(nodes.move, user, 1, append)
    assert len(refused) == 2
    [third] = await asyncio.to_thread(say, 3, to=user)
    resync = (await tab.has(3))[2]
    assert (resync["type"], resync["reason"], resync["id"]) == ("resync", "epoch", third)
    await asyncio.to_thread(say, 4, to=user)
    assert (await tab.has(4))[3]["n"] == 4
    await tab.close()


async def test_a_process_listens_elsewhere_when_its_node_dies(
    nodes: Cluster, hub: Hub, people: list[int]
) -> None:
    tabs = [await Tab(hub, user).open() for user in people]
    [dead] = [node for node in nodes.nodes if node.listeners]
    others = [node for node in nodes.nodes if node is not dead]
    dead.kill()
    await asyncio.to_thread(until, lambda: any(node.listeners for node in others))
    for tab, node in zip(tabs, nodes.nodes, strict=True):
        if node is not dead:
            await asyncio.to_thread(say, 1, to=tab.user_id)
            await tab.has(2)
            assert tab.numbers == [1]
        await tab.close()
    dead.start()
    await asyncio.to_thread(until, nodes.is_well)


async def test_a_dead_node_s_replica_takes_over_and_the_others_go_on(
    nodes: Cluster, hub: Hub, people: list[int]
) -> None:
    await asyncio.to_thread(nodes.add_replica, 2)
    _, other, user = people
    tab, neighbour = await Tab(hub, user).open(), await Tab(hub, other).open()
    await asyncio.to_thread(say, 1, to=user)
    await tab.has(2)
    began = time.monotonic()
    nodes.nodes[2].kill()
    await asyncio.to_thread(say, 1, to=other)
    await neighbour.has(2, within=5)
    assert neighbour.numbers == [1]

    def appended() -> list[str]:
        try:
            return say(2, to=user)
        except redis.RedisError:
            return []

    await asyncio.to_thread(until, appended, within=FAIL_OVER)
    assert time.monotonic() - began < FAIL_OVER
    resync = (await tab.has(3, within=FAIL_OVER))[2]
    assert (resync["type"], resync["reason"]) == ("resync", "epoch")
    while tab.frames[-1]["id"] != log.head(user):
        await tab.has(len(tab.frames) + 1)
    for each in (tab, neighbour):
        count = len(each.frames)
        await asyncio.to_thread(say, 9, to=each.user_id)
        assert (await each.has(count + 1))[-1]["n"] == 9
        await each.close()
