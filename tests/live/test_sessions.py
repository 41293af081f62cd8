"""The end of a session or a token, however it comes, cuts its sockets within a second."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.live.tab import Tab
from tests.stack import PASSWORD, LiveStack, started

CUT_WITHIN = 1.0  # seconds


def sql(stack: LiveStack, statement: str, *values: Any) -> None:
    with psycopg.connect(stack.running()["environment"]["DATABASE_URL"]) as database:
        database.execute(statement, values)  # type: ignore[call-overload]


def opened(stack: LiveStack, client: httpx.Client, **more: Any) -> Tab:
    tab = Tab(stack, client, **more).resume()
    assert tab.next()["type"] == "resumed"
    return tab


def session_of(client: httpx.Client) -> str:
    sessions = client.get("/api/sessions").json()["sessions"]
    return str(next(session["sessionId"] for session in sessions if session["current"]))


def assert_cut(tab: Tab, since: float, code: int = 4403, status: str = "revoked") -> None:
    """The socket is told and closed, a second after `since` at the latest."""
    update = tab.next()
    while update["type"] != "session_update" or update["status"] == "extended":
        update = tab.next()
    assert update["status"] == status
    closing = tab.next()
    assert (closing["type"], closing["code"]) == ("closing", code)
    assert tab.closed_with() == code
    assert time.monotonic() - since < CUT_WITHIN


def assert_open(tab: Tab) -> None:
    tab.say(type="ping")
    while (frame := tab.next())["type"] != "pong":
        assert frame["type"] != "closing"


@pytest.fixture
def elsewhere(stack: LiveStack) -> Iterator[httpx.Client]:
    """Another device of ann's."""
    with stack.client("ann") as client:
        yield client


def test_a_sign_out_from_another_device_cuts_that_session_only(
    stack: LiveStack, ann: httpx.Client, elsewhere: httpx.Client
) -> None:
    here, there = opened(stack, ann), opened(stack, elsewhere)
    since = time.monotonic()
    assert ann.delete(f"/api/sessions/{session_of(elsewhere)}").status_code == 204
    assert_cut(there, since)
    assert_open(here)
    assert elsewhere.get("/api/session").status_code == 401
    assert Tab(stack, elsewhere).closed_with() == 4401


def test_signing_out_everywhere_else_keeps_this_one(
    stack: LiveStack, ann: httpx.Client, elsewhere: httpx.Client
) -> None:
    here, there = opened(stack, ann), opened(stack, elsewhere)
    since = time.monotonic()
    assert ann.delete("/api/sessions").status_code == 204
    assert_cut(there, since)
    assert_open(here)


def test_signing_out_cuts_every_tab_of_the_session(stack: LiveStack) -> None:
    with stack.client("bob") as bob:
        tabs = [opened(stack, bob), opened(stack, bob)]
        since = time.monotonic()
        assert bob.delete("/api/session").status_code == 204
        for tab in tabs:
            assert_cut(tab, since)


def test_a_changed_password_keeps_its_own_tabs_and_cuts_the_others(stack: LiveStack) -> None:
    with stack.client("bob") as bob, stack.client("bob") as other:
        own, cut = opened(stack, bob), opened(stack, other)
        new = "another-horse-battery"
        form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        assert bob.post("/settings/password/", data=form).status_code == 302
        assert_cut(cut, time.monotonic())  # hashing passwords takes its time before
        assert_open(own)
        assert opened(stack, bob)
        sql(stack, "UPDATE auth_user SET password = a.password FROM auth_user a"
            " WHERE auth_user.username = 'bob' AND a.username = 'ann'")  # fmt: skip


def test_a_deactivation_by_sql_cuts_the_person_everywhere(stack: LiveStack) -> None:
    with stack.client("bob") as bob:
        tab = opened(stack, bob)
        since = time.monotonic()
        sql(stack, "UPDATE auth_user SET is_active = false WHERE username = 'bob'")
        try:
            assert_cut(tab, since)
            assert Tab(stack, bob).closed_with() == 4401
        finally:
            sql(stack, "UPDATE auth_user SET is_active = true WHERE username = 'bob'")


def test_a_row_deleted_by_sql_cuts_its_tabs(stack: LiveStack, elsewhere: httpx.Client) -> None:
    tab, session = opened(stack, elsewhere), session_of(elsewhere)
    since = time.monotonic()
    sql(stack, "DELETE FROM realtime_session WHERE public_id = %s", session)
    assert_cut(tab, since)


def test_an_admin_ends_a_session(stack: LiveStack, elsewhere: httpx.Client) -> None:
    tab, session = opened(stack, elsewhere), session_of(elsewhere)
    with stack.client("admin") as admin:
        listing = admin.get("/admin/realtime/session/")
        assert session in listing.text
        assert elsewhere.cookies["sessionid"] not in listing.text
        chosen = {"action": "end_sessions", "_selected_action": session}
        since = time.monotonic()
        admin.post("/admin/realtime/session/", data=chosen)
        assert_cut(tab, since)


def test_an_extension_in_one_tab_is_told_in_the_other(stack: LiveStack, ann: httpx.Client) -> None:
    one, other = opened(stack, ann), opened(stack, ann)
    cookie = ann.post("/api/session/extend").headers["set-cookie"]
    assert "sessionid=" in cookie
    assert other.next()["status"] == "extended"
    assert one.next()["status"] == "extended"
    one.say(type="extend_session")
    update = other.next()
    assert (update["status"], update["type"]) == ("extended", "session_update")
    assert 12 * 3600 - 5 < update["expiresIn"] <= 12 * 3600


def test_a_token_opens_a_socket_until_it_is_revoked(stack: LiveStack, ann: httpx.Client) -> None:
    body = {"name": "a program", "scopes": ["read"]}
    made = ann.post("/api/tokens", json=body).json()
    with httpx.Client() as nobody:
        tab = Tab(stack, nobody, token=made["token"])
        assert tab.next()["expiresIn"] is None
        tab.say(type="resume", lastEventId=None)
        assert tab.next()["type"] == "resumed"
        since = time.monotonic()
        assert ann.delete(f"/api/tokens/{made['tokenId']}").status_code == 204
        assert_cut(tab, since)
        assert Tab(stack, nobody, token=made["token"]).closed_with() == 4401


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack whose sessions last for some seconds."""
    folder = Path(tmp_path_factory.mktemp("short")) / "var"
    yield from started(folder, SESSION_SECONDS="6", SECRET_KEY="one" * 20)


def test_a_session_that_nobody_extends_expires(short: LiveStack) -> None:
    with short.client("ann") as ann:
        began = time.monotonic()
        tab = opened(short, ann)
        warning = tab.next()
        assert warning["status"] == "expiring_soon"
        assert 0 < warning["expiresIn"] <= 6
        assert_cut(tab, began + 7, 4401, "expired")  # the ticker looks once a second
        assert time.monotonic() - began >= 6


def test_a_session_that_is_extended_goes_on(short: LiveStack) -> None:
    with short.client("ann") as ann:
        tab = opened(short, ann)
        for _ in range(3):
            while tab.next()["status"] != "expiring_soon":
                pass
            assert ann.post("/api/session/extend").json()["expiresIn"] == 6
        assert_open(tab)


def test_a_rotated_secret_signs_nobody_out(short: LiveStack) -> None:
    with short.client("ann") as signed_in:
        cookies = dict(signed_in.cookies)  # which a jar would drop after some seconds
    with httpx.Client(base_url=short.url, cookies=cookies) as ann:
        sql(short, "UPDATE realtime_session SET expire_date = now() + interval '1 hour'")
        session = session_of(ann)
        short.stop()
        short.environment |= {"SECRET_KEY": "two" * 20, "SECRET_KEY_FALLBACKS": "one" * 20}
        short.start()
        tab = opened(short, ann)
        assert session_of(ann) == session
        assert_open(tab)
