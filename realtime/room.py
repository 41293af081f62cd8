"""A topic as a web process sees it: its tabs, who is there, and what is to be written of it.

Nothing here waits.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from realtime.connection import Connection
from realtime.events import Action, UserActivity
from realtime.members import EVERYBODY, Names, Present, Touch, member_of
from realtime.topics import Topic

LEASE = 12.0  # seconds; a member that is not renewed is gone then
GRACE = 10.0  # seconds that a person is kept whose last tab closed: a reload comes back


class Tab(Connection, Protocol):
    @property
    def is_open(self) -> bool: ...


@dataclass
class _Viewer:
    """A person of this process."""

    username: str
    tabs: set[Tab] = field(default_factory=set)
    until: float = 0.0  # by the loop's clock: kept so long without a tab
    is_kept: bool = False  # the server has the member


class Room:
    """`stale` is called when there is something to write, or to be read."""

    def __init__(self, topic: Topic, stale: Callable[["Room"], None]) -> None:
        self.topic = topic
        self.lock = asyncio.Lock()  # opening and closing must not cross
        self.is_open = False  # news of it are heard
        self.is_known = asyncio.Event()  # who is there has been read
        self.waiting = 0  # tabs on their way in
        self.departures = 0  # how often somebody was sent away
        self._stale = stale
        self._hearing: set[Tab] = set()
        self._viewers: dict[int, _Viewer] = {}
        self._unwritten: set[int] = set()
        self._writing: dict[int, float] = {}  # by user id, the milliseconds they are kept
        self._people: Names = {}
        self._version = 0

    @property
    def is_idle(self) -> bool:
        return not (self._hearing or self._viewers or self.waiting)

    # --- Tabs -------------------------------------------------------------------------------------
    def hear(self, tab: Tab) -> None:
        """Tell the tab who is there, and from now on who comes and goes."""
        self._hearing.add(tab)
        for user_id, username in self._people.items():
            self._tell([tab], "viewing_document", user_id, username)

    def hear_no_more(self, tab: Tab) -> None:
        self._hearing.discard(tab)

    def view(self, tab: Tab) -> None:
        """Count the tab's person."""
        user_id, username = tab.identity.user_id, tab.identity.username
        viewer = self._viewers.setdefault(user_id, _Viewer(username))
        viewer.tabs.add(tab)
        if not viewer.is_kept:
            self._write(user_id)

    def view_no_more(self, tab: Tab, *, at_once: bool = False) -> None:
        """The tab's person is gone with the last such tab: at once, or after the grace."""
        user_id = tab.identity.user_id
        viewer = self._viewers.get(user_id)
        if viewer is None or tab not in viewer.tabs:
            return
        viewer.tabs.discard(tab)
        if not viewer.tabs:
            loop = asyncio.get_running_loop()
            viewer.until = loop.time() + (0 if at_once else GRACE)
            viewer.is_kept = False
            self._write(user_id)
            if not at_once:
                loop.call_later(GRACE + 0.05, self._stale, self)  # so that others hear it in time

    def part(self, tab: Tab, *, at_once: bool = False) -> None:
        self.hear_no_more(tab)
        self.view_no_more(tab, at_once=at_once)

    def has(self, tab: Tab) -> bool:
        viewer = self._viewers.get(tab.identity.user_id)
        return tab in self._hearing or bool(viewer and tab in viewer.tabs)

    def send_away(self, who: Collection[str]) -> list[Tab]:
        """Users, by their ids, or everybody; the tabs that were here. They hear nothing more."""
        self.departures += 1
        viewing = (tab for viewer in self._viewers.values() for tab in viewer.tabs)
        tabs = [
            tab
            for tab in {*self._hearing, *viewing}
            if EVERYBODY in who or str(tab.identity.user_id) in who
        ]
        for tab in tabs:
            self.part(tab, at_once=True)
        return tabs

    # --- The log's server -------------------------------------------------------------------------
    def renew(self) -> None:
        self._unwritten.update(self._viewers)
        self._stale(self)

    def touch(self, process: str) -> Touch:
        """What is to be written now; `touched` or `untouched` follows."""
        now = asyncio.get_running_loop().time()
        members = []
        for user_id in self._unwritten:
            viewer = self._viewers[user_id]
            left = LEASE if viewer.tabs else max(0.0, viewer.until - now)
            self._writing[user_id] = ceil(left * 1000)
            members.append((member_of(user_id, process, viewer.username), ceil(left * 1000)))
        self._unwritten = set()
        return Touch(self.topic, self._version, members)

    def touched(self, present: Present) -> int:
        """It was written; how many members the server had lost."""
        lost = 0
        writing, self._writing = self._writing, {}
        for (user_id, kept_ms), added in zip(writing.items(), present.added, strict=True):
            viewer = self._viewers[user_id]
            lost += added and viewer.is_kept
            viewer.is_kept = bool(viewer.tabs) and kept_ms > 0
            if not viewer.tabs and user_id not in self._unwritten:
                del self._viewers[user_id]
        self.apply(present.version, present.people)
        return lost

    def untouched(self) -> None:
        """It may not have been written."""
        self._unwritten.update(self._writing)
        self._writing = {}

    def apply(self, version: int, people: Names) -> None:
        """Who is there now, if that is news; tabs are told the difference."""
        if not self.is_open:
            return
        self.is_known.set()
        if version <= self._version:
            return
        before, self._people, self._version = self._people, people, version
        for user_id in before.keys() - people.keys():
            self._tell(self._hearing, "left_document", user_id, before[user_id])
        for user_id in people.keys() - before.keys():
            self._tell(self._hearing, "viewing_document", user_id, people[user_id])

    def forget(self) -> None:
        """News are no longer heard: what is known will be old."""
        self.is_known.clear()
        self._people, self._version = {}, 0

    def _write(self, user_id: int) -> None:
        self._unwritten.add(user_id)
        self._stale(self)

    def _tell(self, tabs: Collection[Tab], action: Action, user_id: str, username: str) -> None:
        event = UserActivity(
            action=action, document_id=self.topic.id, user_id=user_id, username=username
        )
        for tab in tuple(tabs):
            tab.tell(event)
