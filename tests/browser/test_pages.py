"""What holds for every page: accessible, narrow enough, small, strict, useful without scripts."""

import gzip
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import NewPage
from tests.browser.test_ask import QUESTION, ask, herons
from tests.stack import PASSWORD

__all__ = ["herons"]  # a fixture
PAGES = ("/documents/", "/ask/", "/activity/", "/settings/", "/nowhere/")


def findings(page: Page) -> Iterator[str]:
    for violation in Axe().run(page).response["violations"]:
        for node in violation["nodes"]:
            yield f"{page.url}: {violation['id']}: {node['html'][:120]}"


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_never_scrolls_sideways(
    page: Page, new_page: NewPage, herons: str, scheme: str, width: int
) -> None:
    page.goto("/ask/")
    ask(page, QUESTION)
    expect(page.locator(".citation").first).to_be_visible()
    passage = page.locator(".citation").first.get_attribute("href") or ""
    query, chunks = page.url, f"{herons}?view=chunks"
    shown = new_page("ann", width=width, color_scheme=scheme)
    faults: list[str] = []
    for url in (*PAGES, query, passage, chunks):
        shown.goto(url)
        expect(shown.get_by_role("heading", level=1)).to_have_count(1)
        faults += findings(shown)
        if shown.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{url} is wider than {width}")
    shown.locator("details.menu summary").click()
    faults += findings(shown)
    shown.keyboard.press("Escape")
    shown.keyboard.press("?")
    expect(shown.get_by_role("dialog")).to_be_visible()
    faults += findings(shown)
    nobody = new_page("", width=width, color_scheme=scheme)
    nobody.goto("/sign-in/")
    faults += findings(nobody)
    assert faults == []


def test_every_page_is_small(page: Page, herons: str) -> None:
    page.goto("/ask/")
    ask(page, QUESTION)
    expect(page.locator(".citation").first).to_be_visible()
    query = page.url
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    for url in (*PAGES[:4], herons, query):
        answers.clear()
        page.goto(url, wait_until="networkidle")
        bytes_of = {".js": 0, ".css": 0}
        for answer in answers:
            for ending in bytes_of:
                if answer.url.endswith(ending):
                    bytes_of[ending] += len(gzip.compress(answer.body(), 9))
        assert 0 < bytes_of[".css"] <= 6 * 1024, (url, bytes_of)
        assert 0 < bytes_of[".js"] <= 30 * 1024, (url, bytes_of)


def test_every_module_is_loaded_once_under_a_name_that_changes_with_it(page: Page) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.goto("/documents/", wait_until="networkidle")
    modules = [url.rsplit("/", 1)[1] for url in loaded if url.endswith(".js")]
    assert all(len(name.split(".")) == 3 for name in modules), modules
    assert len(modules) == len(set(modules))
    assert len([name for name in modules if name.startswith("socket.")]) == 1


def test_a_page_may_only_do_what_it_needs(page: Page) -> None:
    answer = page.goto("/documents/")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    for rule in ("default-src 'none'", "'strict-dynamic'", "require-trusted-types-for 'script'"):
        assert rule in policy


def test_reading_needs_no_scripts(page: Page, new_page: NewPage, herons: str) -> None:
    page.goto("/ask/")
    ask(page, QUESTION)
    expect(page.locator(".citation").first).to_be_visible()
    plain = new_page("ann", java_script_enabled=False)
    plain.goto(page.url)
    expect(plain.locator(".answer")).to_contain_text("willow twigs")
    plain.locator(".citation").first.click()
    expect(plain.locator("mark").filter(has_text="willow twigs")).to_have_count(1)
    plain.goto("/documents/?q=herons")
    expect(plain.locator("live-list .badge").first).to_have_text("Ready")
    expect(plain.get_by_role("button", name="Filter")).to_be_visible()
    plain.goto("/activity/")
    expect(plain.locator("live-list")).to_contain_text("Answer a question")


def test_a_stranger_signs_in_and_lands_where_they_wanted(new_page: NewPage) -> None:
    page = new_page("")
    page.goto("/activity/")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Activity")


def test_signing_out_in_one_tab_is_told_in_the_other_and_no_word_is_lost(
    new_page: NewPage,
) -> None:
    page = new_page("")
    page.goto("/sign-in/?next=/ask/")
    sign_in(page)
    page.get_by_label("Question").press_sequentially("Not sent yet")
    other = page.context.new_page()
    other.goto("/documents/")
    other.locator("details.menu summary").click()
    other.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog", name="You are signed out")).to_be_visible()
    page.get_by_role("link", name="Sign in again").click()
    sign_in(page)
    expect(page.get_by_label("Question")).to_have_value("Not sent yet")


def sign_in(page: Page) -> None:
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_the_theme_is_kept_and_shared_with_other_tabs(page: Page) -> None:
    page.goto("/documents/")
    other = page.context.new_page()
    other.goto("/ask/")
    page.locator("details.menu summary").click()
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    answer = page.goto("/activity/")
    assert answer
    assert 'data-theme="dark"' in answer.text()


def test_the_keyboard_goes_everywhere(page: Page) -> None:
    page.goto("/documents/")
    page.keyboard.press("/")
    expect(page.get_by_label("Filter by name")).to_be_focused()
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("g")
    page.keyboard.press("v")
    expect(page.get_by_role("heading", level=1)).to_have_text("Activity")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.evaluate("localStorage.clear()")
