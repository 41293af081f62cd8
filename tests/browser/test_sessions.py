"""The end of a session as a person sees it: announced, avoidable, and nothing typed is lost."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import NewPage
from tests.browser.test_pages import findings, sign_in
from tests.stack import LiveStack

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sql(stack: LiveStack, statement: str, context: BrowserContext) -> None:
    """Change the session of a browser by hand."""
    key = next(c["value"] for c in context.cookies() if c["name"] == "sessionid")
    with psycopg.connect(stack.running()["environment"]["DATABASE_URL"]) as database:
        database.execute(f"{statement} WHERE session_key = %s", (key,))  # type: ignore[call-overload]


@pytest.fixture
def mine(new_page: NewPage) -> Page:
    """A window with a session of its own."""
    page = new_page("")
    page.goto("/sign-in/?next=/ask/")
    sign_in(page)
    expect(page.get_by_label("Question")).to_be_visible()
    return page


def test_near_its_end_every_tab_says_so_and_one_of_them_keeps_all_signed_in(
    stack: LiveStack, mine: Page
) -> None:
    other = mine.context.new_page()
    other.goto("/documents/")
    sql(stack, "UPDATE realtime_session SET expire_date = now() + interval '90 s'", mine.context)
    for page in (mine, other):
        page.reload()
        expect(page.locator("session-banner")).to_contain_text("1:")
    assert list(findings(mine)) == []
    other.get_by_role("button", name="Stay signed in").click()
    for page in (mine, other):
        expect(page.locator("session-banner")).to_be_empty()


def test_after_its_end_what_was_typed_is_there_for_the_same_person(
    stack: LiveStack, mine: Page
) -> None:
    mine.goto("/settings/")
    mine.get_by_label("Name").press_sequentially("for the heron counter")
    sql(stack, "UPDATE realtime_session SET expire_date = now() + interval '3 s'", mine.context)
    expect(mine.get_by_role("dialog", name="You are signed out")).to_be_visible()
    mine.get_by_role("link", name="Sign in again").click()
    sign_in(mine)
    expect(mine.get_by_label("Name")).to_have_value("for the heron counter")


@pytest.fixture
def elsewhere(stack: LiveStack) -> Iterator[httpx.Client]:
    """Firefox on another machine of ann's."""
    body = {"username": "ann", "password": "correct-horse-battery"}
    with httpx.Client(base_url=stack.url, headers={"User-Agent": FIREFOX}) as client:
        client.post("/api/session", json=body).raise_for_status()
        yield client


def test_a_session_elsewhere_is_seen_and_revoked(mine: Page, elsewhere: httpx.Client) -> None:
    mine.keyboard.press("Escape")
    mine.goto("/settings/")
    row = mine.locator("#sessions .row", has_text="Firefox on Windows")
    expect(row).to_contain_text("Last seen")
    assert list(findings(mine)) == []
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    expect(mine.locator("#sessions")).to_contain_text("This one")
    assert elsewhere.get("/api/session").status_code == 401


def test_a_token_is_shown_once_works_and_is_revoked(stack: LiveStack, mine: Page) -> None:
    mine.goto("/settings/")
    mine.get_by_label("Name").fill("herons")
    mine.get_by_role("button", name="Make token").click()
    made = mine.locator("token-maker code")
    expect(made).to_contain_text("wk_")
    bearer = {"Authorization": f"Bearer {made.inner_text()}"}
    assert httpx.get(f"{stack.url}/api/documents", headers=bearer).status_code == 200
    row = mine.locator("#tokens .row", has_text="herons")
    expect(row).to_contain_text("may read")
    mine.reload()
    expect(made).to_be_hidden()
    row.get_by_role("button", name="Revoke").click()
    mine.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    assert httpx.get(f"{stack.url}/api/documents", headers=bearer).status_code == 401


def test_the_keyboard_leads_to_the_settings(mine: Page) -> None:
    mine.get_by_role("heading", level=1).click()
    mine.keyboard.press("g")
    mine.keyboard.press("s")
    expect(mine.get_by_role("heading", level=1)).to_have_text("Settings")
