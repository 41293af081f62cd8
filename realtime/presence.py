"""Presence: who looks at the same thing now. One object in a web process, for all its tabs.

A tab that subscribes to a topic hears who comes and goes; one that says it views the document is
counted. The process keeps one member for each person and topic at the log's server, however many
tabs the person has, and renews it while it lives (`realtime.members`). A person is gone when no
process keeps a member of theirs. What tabs hear is the difference between what they heard and what
is there, so that lost news, or a server that was away, are made up for at the next renewal.
"""

import asyncio
import logging
import uuid
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from django.db import DatabaseError
from redis import RedisError

from realtime.frames import Activity, ErrorCode, Subscribe, Unsubscribe
from realtime.hub import Hub, hub
from realtime.members import Members, names_of
from realtime.metrics import PRESENCE_HEALED
from realtime.room import Room, Tab
from realtime.topics import Topic, may_be_at

logger = logging.getLogger(__name__)

RENEW = 4.0  # seconds; a process that was killed is forgotten after this and LEASE
SWEEP = 20.0  # seconds between looks at who may still be where they are
AWAY = 1.0  # seconds before the log's server is tried again
ANSWER_SECONDS = 5.0
MOST_TOPICS = 20  # of one tab
AT_ONCE = 20  # topics in one round trip, before events have a turn

PresenceFrame = Subscribe | Unsubscribe | Activity


class Turned(Exception):
    """A tab cannot be at a topic; `code` and the text are for an `error` frame."""

    def __init__(self, code: ErrorCode, words: str) -> None:
        super().__init__(words)
        self.code = code


def topic_of(frame: PresenceFrame) -> Topic:
    """Raises ValueError for what is not the name of a topic."""
    if isinstance(frame, Activity):
        return Topic.parse(f"document:{frame.document_id}")
    return Topic.parse(frame.topic)


class Presence:
    """Belongs to one event loop; see the module's text."""

    def __init__(self, hub: Hub) -> None:
        self._process = uuid.uuid4().hex
        self._hub = hub
        self._members = Members()
        self._rooms: dict[Topic, Room] = {}
        self._rooms_of: dict[Tab, set[Room]] = {}
        self._stale: dict[Room, None] = {}  # to be written or read, in order
        self._has_stale = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # --- What tabs ask ----------------------------------------------------------------------------
    async def handle(self, tab: Tab, frame: PresenceFrame) -> None:
        """Raises Turned."""
        topic = topic_of(frame)
        room = self._rooms.get(topic)
        match frame:
            case Subscribe():
                (await self._enter(tab, topic)).hear(tab)
            case Activity(action="viewing_document"):
                (await self._enter(tab, topic)).view(tab)
            case Unsubscribe() if room:
                room.hear_no_more(tab)
            case Activity() if room:
                room.view_no_more(tab, at_once=True)
        if room and not room.has(tab):
            self._rooms_of.get(tab, set()).discard(room)

    def leave(self, tab: Tab, *, at_once: bool = False) -> None:
        """The tab is closed. Unless at once, its person stays for a while: a reload comes back."""
        for room in self._rooms_of.pop(tab, ()):
            room.part(tab, at_once=at_once)

    async def close(self) -> None:
        """Stop; what is kept at the server expires."""
        while running := [task for task in self._tasks if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=0.1)  # a wait_for in redis-py can swallow the first
        await self._members.close()

    async def _enter(self, tab: Tab, topic: Topic) -> Room:
        """The topic's room, when the tab may be there."""
        room, rooms = self._rooms.get(topic), self._rooms_of.get(tab, set())
        if room and room in rooms:
            return room
        if len(rooms) >= MOST_TOPICS:
            raise Turned("too_many", f"At most {MOST_TOPICS} topics for a tab; unsubscribe first.")
        if not room or not room.is_open:
            await self._check(tab, topic)  # before anything is opened
        room = self._rooms.setdefault(topic, Room(topic, self._mark))
        room.waiting += 1
        try:
            await self._open(room)
            asked = -1
            while asked != room.departures:  # one who is sent away meanwhile does not stay
                asked = room.departures
                await self._check(tab, topic)
            if not tab.is_open:
                raise Turned("unavailable", "The tab was closed.")
        finally:
            room.waiting -= 1
        self._rooms_of.setdefault(tab, set()).add(room)
        return room

    async def _check(self, tab: Tab, topic: Topic) -> None:
        try:
            may = await may_be_at(topic, tab.identity.user_id)
        except (DatabaseError, OSError, TimeoutError) as error:
            logger.warning("who may be at %s cannot be asked: %s", topic, error)
            raise Turned("unavailable", "That cannot be checked now. Try again.") from None
        if not may:
            raise Turned("not_found", f"There is no {topic} for you.")

    async def _open(self, room: Room) -> None:
        """Returns once news of the room are heard, and who is there is known."""
        self._start()
        try:
            async with room.lock:
                if not room.is_open:
                    await self._hub.listen(room.topic.group, partial(self._heard, room))
                    room.is_open = True
            if not room.is_known.is_set():
                self._mark(room)
                async with asyncio.timeout(ANSWER_SECONDS):
                    await room.is_known.wait()
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("who is at %s is not known: %s", room.topic, error)
            raise Turned("unavailable", "Who is there is not known now. Try again.") from None

    # --- What others say --------------------------------------------------------------------------
    def _heard(self, room: Room, message: dict[str, Any]) -> None:
        if who := message.get("sent_away"):
            self._send_away(room, who)
        room.apply(message["version"], names_of(message["people"]))

    def _send_away(self, room: Room, who: Collection[str]) -> None:
        for tab in room.send_away(who):
            self._rooms_of.get(tab, set()).discard(room)

    # --- What is done all the time ----------------------------------------------------------------
    def _start(self) -> None:
        if not self._tasks:
            steps = (self._write(), self._renew(), self._tidy())
            self._tasks = [asyncio.create_task(step) for step in steps]

    def _mark(self, room: Room) -> None:
        if room.is_open:
            self._stale[room] = None
            self._has_stale.set()

    async def _write(self) -> None:
        while True:
            await self._has_stale.wait()
            rooms = list(self._stale)[:AT_ONCE]
            for room in rooms:
                del self._stale[room]
            if not self._stale:
                self._has_stale.clear()
            if not await self._write_some(rooms):
                await asyncio.sleep(AWAY)
                for room in rooms:
                    self._mark(room)

    async def _write_some(self, rooms: Sequence[Room]) -> bool:
        touches = [room.touch(self._process) for room in rooms]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answers = await self._members.touch(touches)
        except Exception as error:
            for room in rooms:
                room.untouched()
            if isinstance(error, (RedisError, OSError, TimeoutError)):
                logger.warning("presence waits, the log does not answer: %s", error)
            else:
                logger.exception("presence could not be written")
            return False
        for room, present in zip(rooms, answers, strict=True):
            PRESENCE_HEALED.inc(room.touched(present))
        return True

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            for room in self._rooms.values():
                room.renew()

    async def _tidy(self) -> None:
        """Close what nobody is at, and look who may still be where they are."""
        swept_at = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(RENEW)
            try:
                for room in [room for room in self._rooms.values() if room.is_idle]:
                    await self._close(room)
                if (now := asyncio.get_running_loop().time()) - swept_at >= SWEEP:
                    swept_at = now
                    await self._sweep()
            except (DatabaseError, RedisError, OSError, TimeoutError) as error:
                logger.warning("presence is not tidied: %s", error)
            except Exception:
                logger.exception("presence could not be tidied")

    async def _close(self, room: Room) -> None:
        async with room.lock:
            if not room.is_idle:
                return
            room.is_open = False
            room.forget()
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._hub.unlisten(room.topic.group)
        if room.is_idle and not room.is_open:
            del self._rooms[room.topic]

    async def _sweep(self) -> None:
        people = {
            (room, tab.identity.user_id) for tab, rooms in self._rooms_of.items() for room in rooms
        }
        asked = list(people)
        may = await asyncio.gather(*(may_be_at(room.topic, user_id) for room, user_id in asked))
        for (room, user_id), may_stay in zip(asked, may, strict=True):
            if not may_stay:
                self._send_away(room, [str(user_id)])


_presences: dict[asyncio.AbstractEventLoop, Presence] = {}


def presence() -> Presence:
    """This process's presence."""
    loop = asyncio.get_running_loop()
    if loop not in _presences:
        _presences[loop] = Presence(hub())
    return _presences[loop]
