"""Who looks at a document, in the running product: two people, several tabs and web processes."""

import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.live.tab import Tab
from tests.live.test_faults import upload
from tests.stack import LiveStack, until

CAME, LEFT = "viewing_document", "left_document"
GRACE, GHOST = 10.0, 20.0  # seconds


@pytest.fixture
def bob(stack: LiveStack) -> Iterator[httpx.Client]:
    with stack.client("bob") as client:
        yield client


@pytest.fixture
def document(ann: httpx.Client, request: pytest.FixtureRequest) -> str:
    """A document of ann's, shared with bob."""
    document_id = upload(ann, f"{request.node.name}.txt", 3)
    share(ann, document_id)
    return document_id


def share(ann: httpx.Client, document_id: str) -> str:
    body = {"username": "bob", "role": "viewer"}
    answer = ann.post(f"/api/documents/{document_id}/shares", json=body).raise_for_status()
    return str(answer.json()["shareId"])


class Page:
    """A tab on a document's page: it subscribes, and says that it views the document."""

    def __init__(self, stack: LiveStack, client: httpx.Client, document: str) -> None:
        self.document = document
        self.tab = Tab(stack, client).resume()
        self.tab.say(type="subscribe", topic=f"document:{document}")
        self.act(CAME)

    def act(self, action: str) -> None:
        self.tab.say(type="activity", action=action, documentId=self.document)

    def next(self, within: float = 10.0) -> tuple[str, str]:
        """The next that is told of people: what they do, and who."""
        while (frame := self.tab.next(within))["type"] != "user_activity":
            assert frame["type"] != "error", frame
        assert frame["documentId"] == self.document
        assert "id" not in frame
        return str(frame["action"]), str(frame["username"])

    def hears(self, *people: str) -> "Page":
        """It is told that these view the document, in any order."""
        assert sorted(self.next() for _ in people) == sorted((CAME, name) for name in people)
        return self

    def hears_nothing(self) -> None:
        """Up to the answer to a ping."""
        self.tab.say(type="ping")
        while (frame := self.tab.next())["type"] != "pong":
            assert frame["type"] != "user_activity", frame

    def close(self) -> None:
        self.tab.socket.close()


def test_two_people_see_each_other_come_and_leave(
    stack: LiveStack, ann: httpx.Client, bob: httpx.Client, document: str
) -> None:
    annes = Page(stack, ann, document).hears("ann")
    bobs = Page(stack, bob, document).hears("ann", "bob")
    assert annes.next() == (CAME, "bob")
    bobs.act(LEFT)
    since = time.monotonic()
    assert annes.next() == (LEFT, "bob")
    assert time.monotonic() - since < 1


def test_several_tabs_are_one_person_a_reload_is_none_and_a_closed_tab_has_ten_seconds(
    stack: LiveStack, ann: httpx.Client, bob: httpx.Client, document: str
) -> None:
    annes = Page(stack, ann, document).hears("ann")
    first = Page(stack, bob, document).hears("ann", "bob")
    assert annes.next() == (CAME, "bob")
    second = Page(stack, bob, document).hears("ann", "bob")
    first.close()
    second.close()
    second = Page(stack, bob, document).hears("ann", "bob")
    annes.hears_nothing()
    second.close()
    since = time.monotonic()
    assert annes.next(within=15) == (LEFT, "bob")
    assert GRACE - 0.5 < time.monotonic() - since < GRACE + 1.5


def test_who_may_not_see_the_document_is_told_that_there_is_none(
    stack: LiveStack, ann: httpx.Client, bob: httpx.Client
) -> None:
    document_id = upload(ann, "not-for-bob.txt", 3)
    annes = Page(stack, ann, document_id).hears("ann")
    tab = Tab(stack, bob).resume()
    tab.next()
    for topic in (f"document:{document_id}", f"document:{'0' * 8}-0000-0000-0000-{'0' * 12}"):
        tab.say(type="subscribe", topic=topic)
        assert tab.next() == {
            "type": "error", "code": "not_found", "message": f"There is no {topic} for you.",
        }  # fmt: skip
    tab.say(type="activity", action=CAME, documentId=document_id)
    assert tab.next()["code"] == "not_found"
    tab.say(type="subscribe", topic="letter:1")
    assert tab.next()["code"] == "invalid"
    annes.hears_nothing()


def test_who_it_is_taken_from_is_gone_at_once_and_hears_nothing_more(
    stack: LiveStack, ann: httpx.Client, bob: httpx.Client, document: str
) -> None:
    annes = Page(stack, ann, document).hears("ann")
    bobs = Page(stack, bob, document).hears("ann", "bob")
    assert annes.next() == (CAME, "bob")
    share_id = share(ann, document)
    since = time.monotonic()
    assert ann.delete(f"/api/documents/{document}/shares/{share_id}").status_code == 204
    assert annes.next() == (LEFT, "bob")
    assert time.monotonic() - since < 1
    annes.act(LEFT)
    assert annes.next() == (LEFT, "ann")
    bobs.hears_nothing()
    bobs.act(CAME)
    while (frame := bobs.tab.next())["type"] != "error":
        assert frame["type"] != "user_activity"
    assert frame["code"] == "not_found"


def test_a_deactivated_person_is_gone_at_once(
    stack: LiveStack, ann: httpx.Client, bob: httpx.Client, document: str
) -> None:
    annes = Page(stack, ann, document).hears("ann")
    Page(stack, bob, document).hears("ann", "bob")
    assert annes.next() == (CAME, "bob")
    try:
        since = time.monotonic()
        set_active(stack, False)
        assert annes.next() == (LEFT, "bob")
        assert time.monotonic() - since < 2
    finally:
        set_active(stack, True)


def set_active(stack: LiveStack, is_active: bool) -> None:
    with psycopg.connect(stack.running()["environment"]["DATABASE_URL"]) as database:
        database.execute("UPDATE auth_user SET is_active = %s WHERE username = 'bob'", [is_active])


# --- Another web process --------------------------------------------------------------------------
def test_people_on_two_web_processes_are_one_crowd_and_no_ghost_outlives_a_kill(
    stack: LiveStack, ann: httpx.Client, bob: httpx.Client, document: str, other: Any
) -> None:
    annes = Page(stack, ann, document).hears("ann")
    bobs = Page(other, bob, document).hears("ann", "bob")
    assert annes.next() == (CAME, "bob")
    here = Page(stack, bob, document).hears("ann", "bob")
    here.act(LEFT)
    annes.hears_nothing()
    other.end(signal.SIGKILL)
    killed = time.monotonic()
    assert annes.next(within=GHOST) == (LEFT, "bob")
    assert time.monotonic() - killed < GHOST
    bobs.close()


def test_a_web_process_that_ends_in_order_hands_its_people_over(
    stack: LiveStack, ann: httpx.Client, bob: httpx.Client, document: str, other: Any
) -> None:
    annes = Page(stack, ann, document).hears("ann")
    bobs = Page(other, bob, document).hears("ann", "bob")
    assert annes.next() == (CAME, "bob")
    other.end(signal.SIGTERM)
    while (frame := bobs.tab.next())["type"] != "closing":
        pass
    assert frame["code"] == 1012
    Page(stack, bob, document).hears("ann", "bob")
    annes.hears_nothing()


def test_valkey_restarted_nobody_has_left(
    stack: LiveStack, ann: httpx.Client, bob: httpx.Client, document: str
) -> None:
    annes = Page(stack, ann, document).hears("ann")
    bobs = Page(stack, bob, document).hears("ann", "bob")
    assert annes.next() == (CAME, "bob")
    [valkey, *_] = stack.processes("valkey-server")
    valkey.send_signal(signal.SIGKILL)
    until(lambda: seen(stack, bob, document) == {"ann", "bob"}, within=40, every=1.0)
    annes.hears_nothing()
    bobs.act(LEFT)
    assert annes.next() == (LEFT, "bob")


def seen(stack: LiveStack, client: httpx.Client, document: str) -> set[str]:
    """Whom a tab hears of that comes now."""
    tab, names = Tab(stack, client).resume(), set()
    tab.say(type="subscribe", topic=f"document:{document}")
    with suppress(TimeoutError, ConnectionClosed):
        while len(names) < 2:
            if (frame := tab.next(within=3))["type"] == "user_activity":
                names.add(frame["username"])
    tab.socket.close()
    return names
