"""The status page as staff see it: the self-test live, who is connected, and the Close button."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.test_pages import findings


@pytest.fixture
def staff(new_page: NewPage) -> Page:
    page = new_page("admin")
    page.goto("/documents/")
    page.get_by_role("link", name="Status").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Status")
    return page


def test_the_self_test_is_run_and_seen_live(staff: Page) -> None:
    staff.get_by_role("button", name="Run the self-test").click()
    row = staff.locator("live-list .row").first
    row.locator("job-progress").wait_for(state="attached")
    expect(row).to_contain_text("Nothing lost")
    expect(row).to_contain_text("All 150 events came once and in order")
    row.get_by_text("Steps").click()
    expect(row.get_by_text("Cutting the line")).to_be_visible()
    staff.reload()
    expect(staff.locator("live-list .row").first).to_contain_text("Nothing lost")
    staff.goto("/activity/")
    expect(staff.locator("live-list .row").first).to_contain_text("Self-test")


def test_people_s_connections_come_and_are_closed_and_come_back(
    staff: Page, new_page: NewPage
) -> None:
    annes = new_page("ann")
    annes.goto("/documents/")
    row = staff.locator("fresh-part .row", has=staff.get_by_text("ann", exact=True)).first
    expect(row).to_contain_text("WebSocket")
    expect(row).to_contain_text("Lag 0 events")
    connection = row.get_attribute("id")
    row.get_by_role("button", name="Close").click()
    dialog = staff.get_by_role("dialog")
    expect(dialog).to_contain_text("Close this connection of ann?")
    expect(dialog).to_contain_text("loses nothing")
    dialog.get_by_role("button", name="Close").click()
    expect(staff.locator(f"#{connection}")).to_have_count(0)
    expect(staff.locator(".row", has=staff.get_by_text("ann", exact=True))).not_to_have_count(0)
    expect(annes.locator("connection-status")).to_be_empty()


def test_the_system_is_told_part_by_part(staff: Page) -> None:
    facts = staff.locator(".status > .facts")
    for words in ("PostgreSQL", "Valkey", "documents-", "interactive-"):
        expect(facts).to_contain_text(words)
    for words in ("Waiting for a worker", "Waiting for a person, or its turn", "In work", "Done"):
        expect(facts.locator("dt").get_by_text(words, exact=True)).to_have_count(1)
    expect(facts).not_to_contain_text("does not answer")
    expect(facts).not_to_contain_text("none answers")


def test_what_is_fetched_again_keeps_the_focus(staff: Page) -> None:
    close = staff.locator("fresh-part .row").first.get_by_role("button", name="Close")
    close.focus()
    with staff.expect_response(re.compile("/status/connections/")):
        pass
    expect(staff.locator("fresh-part .row button:focus")).to_have_count(1)


def test_others_have_no_link_and_no_page(new_page: NewPage) -> None:
    page = new_page("ann")
    page.goto("/documents/")
    expect(page.get_by_role("link", name="Activity")).to_be_visible()
    expect(page.get_by_role("link", name="Status")).to_have_count(0)
    answer = page.goto("/status/")
    assert answer
    assert answer.status == 404


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_never_scrolls_sideways(
    staff: Page, new_page: NewPage, scheme: str, width: int
) -> None:
    staff.get_by_role("button", name="Run the self-test").click()
    expect(staff.locator("live-list .badge").first).to_be_visible()
    page = new_page("admin", width=width, color_scheme=scheme)
    page.goto("/status/")
    page.get_by_text("Steps").first.click()
    expect(page.locator("fresh-part .row").first).to_be_visible()
    assert list(findings(page)) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
