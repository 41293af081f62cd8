"""Who is at a topic: over several tabs and web processes, on a real Valkey."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async

from realtime import presence, room, topics
from realtime.auth import Identity
from realtime.events import Event, UserActivity
from realtime.frames import Activity, Subscribe, Unsubscribe
from realtime.hub import Hub
from realtime.members import Touch, member_of, people_at, send_away
from realtime.presence import Presence, Turned
from realtime.topics import Question, Topic
from tests.realtime.counted import Change

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rows")]

ANN, BOB, EVE = (7, "ann"), (8, "bob"), (9, "eve")
Heard = tuple[str, str]  # the action, and who
CAME, LEFT = "viewing_document", "left_document"


class Tab:
    """The far end: remembers what it was told."""

    def __init__(self, process: Presence, topic: Topic, user_id: int, name: str) -> None:
        self.id = uuid.uuid4().hex
        self.identity = Identity(user_id, name, f"session:{self.id}", None)
        self.process, self.topic = process, topic
        self.heard: list[Heard] = []
        self.is_open = True
        self._changed = asyncio.Event()

    def tell(self, event: Event) -> None:
        assert isinstance(event, UserActivity)
        assert event.document_id == self.topic.id
        self.heard.append((event.action, event.username))
        self._changed.set()

    def end(self, code: int, reason: str, retry_after_ms: int | None = None) -> None:
        self.close()

    async def subscribe(self) -> "Tab":
        await self.process.handle(self, Subscribe(topic=str(self.topic)))
        return self

    async def unsubscribe(self) -> None:
        await self.process.handle(self, Unsubscribe(topic=str(self.topic)))

    async def act(self, action: Any) -> None:
        await self.process.handle(self, Activity(action=action, document_id=self.topic.id))

    async def open(self) -> "Tab":
        """As the page does."""
        await self.subscribe()
        await self.act(CAME)
        return self

    def close(self) -> None:
        self.is_open = False
        self.process.leave(self)

    async def has_heard(self, *expected: Heard, within: float = 5.0) -> None:
        async with asyncio.timeout(within):
            while len(self.heard) < len(expected):
                self._changed.clear()
                await self._changed.wait()
        assert self.heard == list(expected)


class Doors:
    """Who may be where; a kind of topic of the tests."""

    def __init__(self) -> None:
        self.shut: set[int] = {EVE[0]}
        self.asked = 0

    def who_may(self, questions: Collection[Question]) -> Collection[Question]:
        self.asked += 1
        return [(pk, user_id) for pk, user_id in questions if user_id not in self.shut]


@pytest.fixture(autouse=True)
def doors(monkeypatch: pytest.MonkeyPatch) -> Doors:
    doors = Doors()
    monkeypatch.setitem(topics._kinds, "document", doors.who_may)
    return doors


@pytest.fixture
def topic(valkey: redis.Redis) -> Topic:
    return Topic("document", str(uuid.uuid4()))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of about a second."""
    monkeypatch.setattr(room, "LEASE", 1.5)
    monkeypatch.setattr(room, "GRACE", 0.8)
    monkeypatch.setattr(presence, "RENEW", 0.3)
    monkeypatch.setattr(presence, "SWEEP", 0.3)


Start = Callable[[], Presence]


@pytest.fixture
async def start(hasty: None) -> AsyncIterator[Start]:
    """Another web process."""
    made: list[tuple[Presence, Hub]] = []

    def start() -> Presence:
        hub = Hub()
        made.append((Presence(hub), hub))
        return made[-1][0]

    yield start
    for process, hub in made:
        await process.close()
        await hub.close()


@pytest.fixture
def process(start: Start) -> Presence:
    return start()


@pytest.fixture
def tab(process: Presence, topic: Topic) -> Callable[..., Tab]:
    def make(person: tuple[int, str], process: Presence = process) -> Tab:
        return Tab(process, topic, *person)

    return make


def names(topic: Topic) -> list[str]:
    return sorted(people_at(topic).values())


async def test_who_comes_and_who_leaves_is_told(tab: Callable[..., Tab], topic: Topic) -> None:
    ann = await tab(ANN).open()
    bob = await tab(BOB).open()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"))
    await bob.has_heard((CAME, "ann"), (CAME, "bob"))
    assert names(topic) == ["ann", "bob"]
    await bob.act(LEFT)
    await ann.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "bob"))
    assert names(topic) == ["ann"]


async def test_several_tabs_on_several_processes_are_one_person(
    tab: Callable[..., Tab], start: Start, topic: Topic
) -> None:
    ann = await tab(ANN).open()
    elsewhere = start()
    tabs = [await tab(BOB, process).open() for process in (ann.process, elsewhere, elsewhere)]
    await tabs[2].has_heard((CAME, "ann"), (CAME, "bob"))
    for one in tabs[:2]:
        await one.act(LEFT)
    assert names(topic) == ["ann", "bob"]
    tabs[2].close()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "bob"))


async def test_a_reload_is_heard_by_nobody(tab: Callable[..., Tab], topic: Topic) -> None:
    ann, bob = await tab(ANN).open(), await tab(BOB).open()
    for _ in range(3):
        bob.close()
        await asyncio.sleep(room.GRACE / 2)
        bob = await tab(BOB).open()
    await asyncio.sleep(room.GRACE * 1.5)
    assert ann.heard == [(CAME, "ann"), (CAME, "bob")]
    assert names(topic) == ["ann", "bob"]


async def test_a_reload_that_ends_up_in_another_process_is_heard_by_nobody(
    tab: Callable[..., Tab], start: Start
) -> None:
    ann, bob = await tab(ANN).open(), await tab(BOB).open()
    bob.close()
    await tab(BOB, start()).open()
    await asyncio.sleep(room.GRACE * 1.5)
    assert ann.heard == [(CAME, "ann"), (CAME, "bob")]


async def test_a_closed_tab_s_person_is_gone_after_the_grace(tab: Callable[..., Tab]) -> None:
    ann, bob = await tab(ANN).open(), await tab(BOB).open()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"))
    since = time.monotonic()
    bob.close()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "bob"))
    assert room.GRACE <= time.monotonic() - since < room.GRACE + 0.4


async def test_a_revoked_tab_s_person_is_gone_at_once(tab: Callable[..., Tab]) -> None:
    ann, bob = await tab(ANN).open(), await tab(BOB).open()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"))
    bob.process.leave(bob, at_once=True)
    await ann.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "bob"), within=room.GRACE * 0.8)


async def test_the_people_of_a_killed_process_are_gone_when_its_leases_are(
    tab: Callable[..., Tab], start: Start, topic: Topic
) -> None:
    ann, doomed = await tab(ANN).open(), start()
    await tab(BOB, doomed).open()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"))
    since = time.monotonic()
    await doomed.close()  # without a word
    await ann.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "bob"))
    assert time.monotonic() - since < room.LEASE + presence.RENEW + 0.4
    assert names(topic) == ["ann"]


async def test_names_are_told_as_they_are_written(tab: Callable[..., Tab], topic: Topic) -> None:
    zoe = await tab((10, "zoë:o'neil 7")).open()
    await zoe.has_heard((CAME, "zoë:o'neil 7"))
    assert people_at(topic) == {"10": "zoë:o'neil 7"}


async def test_who_only_listens_is_not_counted(tab: Callable[..., Tab], topic: Topic) -> None:
    ann = await tab(ANN).open()
    await tab(BOB).subscribe()
    await asyncio.sleep(presence.RENEW * 2)
    assert ann.heard == [(CAME, "ann")]
    assert names(topic) == ["ann"]


async def test_who_no_longer_listens_hears_nothing_and_is_still_counted(
    tab: Callable[..., Tab], topic: Topic
) -> None:
    ann, bob = await tab(ANN).open(), await tab(BOB).open()
    await bob.has_heard((CAME, "ann"), (CAME, "bob"))
    await bob.unsubscribe()
    await ann.act(LEFT)
    await ann.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "ann"))
    assert bob.heard == [(CAME, "ann"), (CAME, "bob")]
    assert names(topic) == ["bob"]


async def test_who_may_not_be_there_is_turned_away_and_leaves_no_trace(
    tab: Callable[..., Tab], topic: Topic, valkey: redis.Redis
) -> None:
    eve = tab(EVE)
    for step in (eve.subscribe(), eve.act(CAME)):
        with pytest.raises(Turned, match="There is no document") as turned:
            await step
        assert turned.value.code == "not_found"
    assert not valkey.keys("rt:*")


async def test_who_is_sent_away_is_gone_at_once_and_hears_nothing_more(
    tab: Callable[..., Tab], start: Start, topic: Topic, doors: Doors
) -> None:
    ann, bob, bob_elsewhere = tab(ANN), tab(BOB), tab(BOB, start())
    for one in (ann, bob, bob_elsewhere):
        await one.open()
    heard = [(CAME, "ann"), (CAME, "bob")]
    await bob_elsewhere.has_heard(*heard)
    doors.shut.add(BOB[0])
    await sync_to_async(send_away)(topic, [BOB[0]])
    await ann.has_heard(*heard, (LEFT, "bob"))
    await ann.act(LEFT)
    await ann.has_heard(*heard, (LEFT, "bob"), (LEFT, "ann"))
    assert bob.heard == bob_elsewhere.heard == heard
    assert names(topic) == []
    with pytest.raises(Turned):
        await bob.subscribe()


@pytest.mark.parametrize("who", [[BOB[0]], None], ids=["one", "everybody"])
async def test_a_process_that_has_not_heard_of_it_does_not_bring_back_who_was_sent_away(
    tab: Callable[..., Tab],
    topic: Topic,
    doors: Doors,
    who: list[int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bob = await tab(BOB).open()
    await bob.has_heard((CAME, "bob"))
    hub, heard = bob.process._hub, asyncio.Event()
    message: list[dict[str, Any]] = []
    hear = hub._handlers[topic.group]
    monkeypatch.setitem(
        hub._handlers, topic.group, lambda late: (message.append(late), heard.set())
    )
    before = bob.process._rooms[topic]._version
    await sync_to_async(send_away)(topic, who)
    await heard.wait()
    renewal = Touch(topic, before, [(member_of(BOB[0], "process", "bob"), 1000)])
    [present] = await bob.process._members.touch([renewal])
    assert present.people == {}
    assert present.added == [False]
    hear(message[0])
    assert names(topic) == []
    await bob.open()
    await bob.has_heard((CAME, "bob"), (CAME, "bob"))


async def test_everybody_is_sent_away_from_what_is_gone(
    tab: Callable[..., Tab], topic: Topic, doors: Doors
) -> None:
    ann, bob = await tab(ANN).open(), await tab(BOB).open()
    await bob.has_heard((CAME, "ann"), (CAME, "bob"))
    doors.shut |= {ANN[0], BOB[0]}
    await sync_to_async(send_away)(topic)
    await asyncio.sleep(presence.RENEW * 2)
    assert names(topic) == []
    assert ann.heard == bob.heard == [(CAME, "ann"), (CAME, "bob")]


async def test_who_is_let_in_again_is_told_anew(
    tab: Callable[..., Tab], topic: Topic, doors: Doors
) -> None:
    await tab(ANN).open()
    bob = await tab(BOB).open()
    await sync_to_async(send_away)(topic, [BOB[0]])
    await asyncio.sleep(presence.RENEW)
    bob.heard.clear()
    await bob.open()
    await bob.has_heard((CAME, "ann"), (CAME, "bob"))


async def test_a_right_that_went_without_news_is_missed_at_the_next_look(
    tab: Callable[..., Tab], topic: Topic, doors: Doors
) -> None:
    ann, bob = await tab(ANN).open(), await tab(BOB).open()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"))
    doors.shut.add(BOB[0])
    await ann.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "bob"))
    assert bob.heard == [(CAME, "ann"), (CAME, "bob")]


async def test_a_server_that_lost_all_is_told_again_and_nobody_hears_of_it(
    tab: Callable[..., Tab], topic: Topic, process: Presence, valkey: redis.Redis
) -> None:
    ann, bob = await tab(ANN).open(), await tab(BOB).open()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"))
    heals = Change("realtime_presence_healed_total")
    valkey.flushall()
    async with asyncio.timeout(5):
        while heals() < 2:
            await asyncio.sleep(0.01)
    assert names(topic) == ["ann", "bob"]
    await asyncio.sleep(presence.RENEW * 2)
    assert ann.heard == bob.heard == [(CAME, "ann"), (CAME, "bob")]
    assert heals() == 2


async def test_who_left_while_the_server_lost_all_is_no_ghost(
    tab: Callable[..., Tab], start: Start, topic: Topic, valkey: redis.Redis
) -> None:
    ann, doomed = await tab(ANN).open(), start()
    await tab(BOB, doomed).open()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"))
    await doomed.close()
    valkey.flushall()
    await ann.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "bob"))


async def test_lost_news_are_made_up_for(
    tab: Callable[..., Tab], start: Start, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await tab(ANN).open()
    await ann.has_heard((CAME, "ann"))
    monkeypatch.setitem(ann.process._hub._handlers, topic.group, lambda _: None)
    await tab(BOB, start()).act(CAME)
    await ann.has_heard((CAME, "ann"), (CAME, "bob"))


async def test_a_tab_may_be_at_so_many_topics(process: Presence, valkey: redis.Redis) -> None:
    def at_another() -> Tab:
        return Tab(process, Topic("document", str(uuid.uuid4())), *ANN)

    ann = at_another()
    for _ in range(presence.MOST_TOPICS):
        ann.topic = at_another().topic
        await ann.subscribe()
    last, ann.topic = ann.topic, at_another().topic
    with pytest.raises(Turned, match="unsubscribe first") as turned:
        await ann.subscribe()
    assert turned.value.code == "too_many"
    another, ann.topic = ann.topic, last
    await ann.unsubscribe()
    ann.topic = another
    await ann.subscribe()


PK = "3aa62ff7-6cca-4b53-b08b-a0a7b38712a6"


@pytest.mark.parametrize(
    "name",
    [
        "document", "document:", "document:7", f"letter:{PK}", f":{PK}", f"document:{PK}:x",
        f"document:{PK.upper()}", f"document:{PK.replace('-', '')}",
    ],
)  # fmt: skip
def test_what_is_not_the_name_of_a_topic_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a topic is document, a colon, and an id"):
        Topic.parse(name)


async def test_a_storm_of_tabs_is_asked_about_together(
    process: Presence, valkey: redis.Redis, doors: Doors
) -> None:
    tabs = [Tab(process, Topic("document", str(uuid.uuid4())), *ANN) for _ in range(200)]
    await asyncio.gather(*(one.open() for one in tabs))
    for one in tabs:
        await one.has_heard((CAME, "ann"))
    assert doors.asked < len(tabs)  # each is asked about before and after its room is opened


async def test_a_place_that_nobody_is_at_is_closed(
    tab: Callable[..., Tab], process: Presence, topic: Topic
) -> None:
    ann = await tab(ANN).open()
    ann.close()
    async with asyncio.timeout(5):
        while process._rooms:
            await asyncio.sleep(0.01)
    bob = await tab(BOB).open()
    await bob.has_heard((CAME, "ann"), (CAME, "bob"), (LEFT, "ann"))
