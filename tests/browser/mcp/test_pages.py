"""What holds for the pages of hosts and servers: accessible, narrow enough, small, strict."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import NewPage
from tests.browser.mcp.conftest import HostId
from tests.browser.mcp.test_installing import Begin, ann, begin, ended, shows
from tests.browser.mcp.test_servers import server, tool
from tests.browser.mcp.test_wizard import entry, time_server
from tests.browser.test_pages import findings
from tests.sshd import Account, account, running

__all__ = ["ann", "begin", "entry", "server", "time_server"]  # fixtures
PICTURES = os.environ.get("PICTURES", "")  # a folder: pictures for the documentation go there
OURS, TERMINAL = 30 * 1024, 125 * 1024  # bytes, compressed


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_never_scrolls_sideways(
    new_page: NewPage, box: str, entry: str, server: str, new_host: HostId, begin: Begin,
    held: Callable[[], None], scheme: str, width: int,
) -> None:  # fmt: skip
    shown = new_page("ann", width=width, color_scheme=scheme)
    faults: list[str] = []

    def look(what: str) -> None:
        expect(shown.get_by_role("heading", level=1)).to_have_count(1)
        faults.extend(f"{what}: {finding}" for finding in findings(shown))
        if shown.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{what} is wider than {width}")

    for url in ("/hosts/", "/hosts/add/", f"/hosts/{box}/", f"/hosts/{box}/change/", "/servers/",
                "/servers/catalogue/", f"/servers/catalogue/{entry}/"):  # fmt: skip
        shown.goto(url)
        look(url)
    wizard = f"/servers/install/{entry}/"
    shown.goto(f"{wizard}?step=host")
    look("the wizard: host")
    shown.goto(f"{wizard}?host={box}")
    expect(shown.locator(".crumbs li").first).to_be_visible(timeout=30_000)
    look("the wizard: folder")
    shown.goto(f"{wizard}?host={box}&directory=~/mcp")
    shown.get_by_label("--local-timezone").fill("Europe/Paris")
    shown.get_by_label("GIVEN_TOKEN").fill("a very secret thing")
    expect(shown.locator(".plan-steps li").first).to_be_visible(timeout=30_000)
    shown.get_by_text("Version and more variables").click()
    look("the wizard: review")
    shown.goto(server)
    say = tool(shown, "say")
    say.get_by_role("button", name="Run it").click()
    expect(say.locator("[data-for=words]")).not_to_be_empty()
    look("a server, tried")
    shown.goto(f"{server}upgrade/")
    expect(shown.locator(".plan-steps li").first).to_be_visible(timeout=30_000)
    look("an upgrade")
    shown.goto(begin(f"seen {scheme} {width}"))
    shows(shown, "Holding")
    look("a run")
    held()
    ended(shown, "Installed")
    look("a run that ended")
    assert faults == []


def test_a_key_that_changed_and_one_to_compare_are_accessible(
    new_page: NewPage, new_host: HostId, someone: Account
) -> None:
    with running() as other:
        host = new_host("Pictured", port=other.port, auth={"privateKey": other.key})
        other.new_host_key()
        page = new_page("ann", width=320)
        page.goto(f"/hosts/{host}/")
        page.get_by_role("button", name="Test the connection").click()
        expect(page.locator(".changed")).to_be_visible(timeout=30_000)
        faults = list(findings(page))
        page.goto("/hosts/add/")
        page.get_by_label("Password", exact=True).check()
        faults += findings(page)
        assert faults == []


def test_every_page_is_small_and_only_runs_load_the_terminal(
    page: Page, box: str, entry: str, server: str, begin: Begin
) -> None:
    run = begin("small")
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    for url in ("/hosts/add/", f"/hosts/{box}/", "/servers/", "/servers/catalogue/",
                f"/servers/install/{entry}/?host={box}", server, run):  # fmt: skip
        answers.clear()
        page.goto(url, wait_until="networkidle")
        sent = {
            answer.url: len(gzip.compress(answer.body(), 9))
            for answer in answers
            if answer.ok and answer.url.endswith((".js", ".mjs", ".css"))
        }
        terminal = {name: size for name, size in sent.items() if "/xterm/" in name}
        ours = {name: size for name, size in sent.items() if name not in terminal}
        css = sum(size for name, size in ours.items() if name.endswith(".css"))
        assert 0 < css <= 6 * 1024, (url, css)
        assert 0 < sum(ours.values()) - css <= OURS, (url, ours)
        assert sum(sent.values()) <= TERMINAL, (url, sent)
        assert bool(terminal) == (url == run), url


def test_reading_needs_no_scripts(new_page: NewPage, box: str, server: str, entry: str) -> None:
    plain = new_page("ann", java_script_enabled=False)
    plain.goto("/servers/")
    plain.get_by_role("link", name="Sayer").first.click()
    expect(plain.locator(".tool").first).to_contain_text("Says it")
    expect(plain.locator("button:visible")).to_have_count(0)
    plain.goto(f"/servers/install/{entry}/")
    plain.get_by_role("radio", name="box").check()
    plain.get_by_role("button", name="Go on").click()
    plain.get_by_label("Folder", exact=True).fill("~/mcp")
    plain.get_by_role("button", name="Go on to the review").click()
    expect(plain.locator("noscript p")).to_contain_text("needs JavaScript")


def test_the_keyboard_leads_to_servers_and_hosts(page: Page) -> None:
    page.goto("/documents/")
    for key, words in (("i", "Servers"), ("h", "Hosts")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_have_text(words)
        page.wait_for_load_state()


@pytest.mark.skipif(not PICTURES, reason="for the documentation: PICTURES=docs/images")
def test_pictures(new_page: NewPage, make_host: HostId, time_server: str) -> None:
    """Of a server that is really installed, from its registry."""
    page = new_page("ann", width=1100)

    def picture(name: str) -> None:
        page.wait_for_timeout(500)  # what moves comes to rest
        page.screenshot(path=Path(PICTURES) / f"{name}.png")

    with account() as plain:
        host = make_host("my-server", username=plain.name)
        page.goto(f"/servers/install/{time_server}/?host={host}&directory=~/mcp")
        expect(page.locator(".plan-steps li").first).to_be_visible(timeout=30_000)
        picture("review")
        page.get_by_role("button", name="Install").click()
        page.wait_for_url("**/servers/runs/**")
        shows(page, "Collecting starlette")
        picture("installing")
        ended(page, "Installed")
        page.get_by_role("link", name="See its tools").click()
        page.wait_for_load_state()
        now = tool(page, "get_current_time")
        now.get_by_label("timezone").fill("Europe/Paris")
        now.get_by_role("button", name="Run it").click()
        expect(now.locator(".result code")).to_contain_text("Paris", timeout=30_000)
        picture("server")
