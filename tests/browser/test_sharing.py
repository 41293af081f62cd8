"""Ann shares a document with bob: each sees the other there, in avatars and in words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.browser.files import text
from tests.browser.test_documents import row
from tests.browser.test_pages import findings
from tests.stack import LiveStack, until


@pytest.fixture
def annes(stack: LiveStack) -> Iterator[httpx.Client]:
    with stack.client("ann") as client:
        yield client


@pytest.fixture
def document(annes: httpx.Client, tmp_path: Path) -> str:
    """A document of ann's that is ready; its page's address."""
    path = text(tmp_path, f"{tmp_path.name}.txt")
    made = annes.post("/api/documents", files={"file": (path.name, path.read_bytes())}).json()
    pk = made["documents"][0]["documentId"]
    until(lambda: annes.get(f"/api/documents/{pk}").json()["status"] == "READY", within=60)
    return f"/documents/{pk}/"


def share(client: httpx.Client, document: str, username: str = "bob", role: str = "viewer") -> None:
    body = {"username": username, "role": role}
    assert client.post(f"/api{document}shares", json=body).status_code in (200, 201)


def here(page: Page) -> Locator:
    return page.locator("who-is-here button")


def test_ann_shares_with_bob_and_they_see_each_other(
    page: Page, new_page: NewPage, document: str
) -> None:
    bob = new_page("bob")
    bob.goto("/documents/")
    page.goto(document)
    name = page.get_by_role("heading", level=1).inner_text()
    expect(row(bob, name)).to_have_count(0)
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody but you can see it.")
    dialog.get_by_label("Name").fill("rob")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("There is nobody called rob here.")
    dialog.get_by_label("Name").fill("bob")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("listitem")).to_contain_text("bob")
    expect(dialog.locator(".error-words")).to_be_empty()
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator(".facts")).to_contain_text("1 person")
    expect(row(bob, name)).to_contain_text("Shared by ann")
    expect(row(bob, name).get_by_role("button")).to_have_count(0)
    row(bob, name).get_by_role("link", name=name).click()
    expect(here(bob)).to_have_accessible_name("Here now: ann")
    expect(here(page)).to_have_accessible_name("Here now: bob")
    expect(here(page).locator(".avatar")).to_have_text("B")
    expect(bob.get_by_text("Shared by ann · you are a viewer")).to_be_visible()


def test_a_reload_does_not_flicker_and_leaving_is_seen(
    page: Page, new_page: NewPage, annes: httpx.Client, document: str
) -> None:
    share(annes, document)
    bob = new_page("bob")
    bob.goto(document)
    page.goto(document)
    expect(here(page)).to_have_accessible_name("Here now: bob")
    page.evaluate("""() => {
        globalThis.changes = 0;
        const watching = new MutationObserver(() => globalThis.changes++);
        watching.observe(document.querySelector("who-is-here"), { childList: true, subtree: true });
    }""")
    second = bob.context.new_page()
    second.goto(document)
    for _ in range(3):
        bob.reload()
        expect(here(bob)).to_have_accessible_name("Here now: ann")
    second.close()
    assert page.evaluate("globalThis.changes") == 0
    bob.goto("/documents/")
    page.wait_for_timeout(5_000)  # half of the grace
    assert page.evaluate("globalThis.changes") == 0
    expect(here(page)).to_have_count(0)


def test_the_names_are_read_on_focus_and_can_be_dismissed(
    page: Page, new_page: NewPage, annes: httpx.Client, document: str
) -> None:
    share(annes, document)
    new_page("bob").goto(document)
    page.goto(document)
    expect(here(page)).to_be_visible()
    tip = here(page).locator(".tip")
    expect(tip).to_be_hidden()
    page.get_by_role("link", name="Documents").last.focus()
    page.keyboard.press("Tab")
    expect(here(page)).to_be_focused()
    expect(tip).to_have_text("Here now: bob")
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_what_is_taken_back_is_gone_at_once(
    page: Page, new_page: NewPage, annes: httpx.Client, document: str
) -> None:
    share(annes, document, role="editor")
    bob, list_ = new_page("bob"), new_page("bob")
    bob.goto(document)
    list_.goto("/documents/")
    page.goto(document)
    expect(here(page)).to_have_accessible_name("Here now: bob")
    name = page.get_by_role("heading", level=1).inner_text()
    expect(row(list_, name)).to_be_visible()
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Role of bob").select_option("viewer")
    expect(bob.get_by_text("you are a viewer")).to_be_visible()
    dialog.get_by_role("button", name="Take it back from bob").click()
    expect(dialog).to_contain_text("Nobody but you can see it.")
    expect(here(page)).to_have_count(0)
    expect(bob.get_by_text("This document is no longer shared with you.")).to_be_visible()
    expect(here(bob)).to_have_count(0)
    expect(row(list_, name)).to_have_count(0)


def test_a_killed_web_server_s_people_come_back(
    page: Page, new_page: NewPage, annes: httpx.Client, document: str, stack: LiveStack
) -> None:
    share(annes, document)
    bob = new_page("bob")
    bob.goto(document)
    page.goto(document)
    expect(here(page)).to_have_accessible_name("Here now: bob")
    [web, *_] = stack.processes("demo.asgi:application")
    web.kill()
    for tab in (page, bob):
        expect(tab.locator("who-is-here")).to_have_count(1)
    until(lambda: answers(stack))
    bob.goto("/documents/")
    expect(here(page)).to_have_count(0, timeout=30_000)
    bob.goto(document)
    expect(here(page)).to_have_accessible_name("Here now: bob")


def answers(stack: LiveStack) -> bool:
    try:
        return httpx.get(f"{stack.url}/healthz").is_success
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sharing_is_accessible_and_fits(
    new_page: NewPage, annes: httpx.Client, document: str, scheme: Any, width: int
) -> None:
    share(annes, document)
    bob = new_page("bob", width=width, color_scheme=scheme)
    bob.goto(document)
    page = new_page("ann", width=width, color_scheme=scheme)
    page.goto(document)
    expect(here(page)).to_be_visible()
    faults: list[str] = []
    for tab in (page, bob):
        here(tab).focus()
        faults += findings(tab)
        if tab.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{tab.url} is wider than {width}")
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    faults += findings(page)
    assert faults == []
