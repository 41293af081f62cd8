"""Installing, as a person watches it: the terminal, its end, cancelling, coming late."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.mcp.conftest import add_by_hand, badge, said
from tests.sshd import Account, Sshd
from tests.stack import LiveStack, until

SLOW = 60_000  # milliseconds, for the slowest machine we care about


@pytest.fixture
def ann(stack: LiveStack) -> Iterator[httpx.Client]:
    with stack.client("ann") as client:
        yield client


Begin = Callable[[str], str]


@pytest.fixture
def begin(ann: httpx.Client, box: str) -> Begin:
    """Install the time server into a folder; where that can be watched."""

    def install(folder: str) -> str:
        wish = {"hostId": box, "server": "time", "directory": f"~/{folder}"}
        return f"/servers/runs/{said(ann.post('/api/mcp/installs', json=wish))['installId']}/"

    return install


def screen(page: Page) -> str:
    """What the terminal shows, each line without what is empty at its end."""
    rows = page.locator(".xterm-rows > div").all_inner_texts()
    return "\n".join(row.replace("\xa0", " ").rstrip() for row in rows).strip()


def shows(page: Page, words: str) -> None:
    until(lambda: words in screen(page), within=SLOW / 1000)


def ended(page: Page, words: str) -> None:
    expect(page.locator(".run-state .badge[data-status]")).to_have_text(words, timeout=SLOW)


def test_from_nothing_to_a_tool_and_back(page: Page, sshd: Sshd, someone: Account) -> None:
    add_by_hand(page, "Mine", sshd, someone)
    page.get_by_role("button", name="trust this key").click(timeout=30_000)
    badge(page, "Ready")
    page.get_by_role("link", name="Servers").first.click()
    page.get_by_role("link", name="Install a server").click()
    page.get_by_role("link", name="Time").click()
    page.get_by_role("link", name="Install").click()
    page.get_by_role("radio", name="Mine").check()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".crumbs li").last).to_have_text(someone.home.name, timeout=30_000)
    page.get_by_label("Name of a new folder").fill("whole way")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_label("Folder", exact=True)).to_have_value(f"{someone.home}/whole way")
    page.get_by_role("button", name="Go on to the review").click()
    expect(page.locator(".plan-steps")).to_contain_text("mcp-server-time==")
    page.get_by_role("button", name="Install").click()
    expect(page).to_have_url(re.compile("/servers/runs/"))
    shows(page, "Installed 1 package")
    ended(page, "Installed")
    page.get_by_role("link", name="See its tools").click()
    page.wait_for_load_state()
    expect(page.get_by_role("heading", level=1)).to_have_text("Time")
    tool = page.locator(".tool").filter(has_text="Says it")
    tool.get_by_text("Try it").click()
    tool.get_by_label("words").fill("hello")
    tool.get_by_label("number").fill("3")
    tool.get_by_role("button", name="Run it").click()
    expect(tool.locator(".result code")).to_contain_text('"words": "hello"', timeout=SLOW)
    page.get_by_role("button", name="Uninstall").click()
    page.get_by_role("dialog").get_by_role("button", name="Uninstall").click()
    expect(page.locator(".server-state .badge")).to_have_text("Uninstalled", timeout=SLOW)
    page.get_by_role("link", name="Servers").first.click()
    expect(page.locator("live-runs")).not_to_contain_text("on Mine")
    assert not someone.run("ls 'whole way'").strip()


def test_who_comes_late_sees_all_of_it_as_who_was_there(
    page: Page, begin: Begin, held: Callable[[], None]
) -> None:
    page.goto(begin("late"))
    shows(page, "Holding")
    late = page.context.new_page()
    late.goto(page.url)
    shows(late, "Holding")
    held()
    for tab in (page, late):
        ended(tab, "Installed")
        shows(tab, "MCP 2025-06-18: ")
    assert screen(page) == screen(late)
    page.reload()
    shows(page, "MCP 2025-06-18: ")
    assert screen(page) == screen(late)
    text = screen(page)
    for words in ("This is the beginning", "ünïcode ✓ 😀 mcp-server-time=="):
        assert text.count(words) == 1
    assert "100 % of the bar" in text
    assert " 90 %" not in text  # it was drawn over
    green = page.locator(".xterm-rows span").filter(has_text="100 %")
    assert green.evaluate("(span) => getComputedStyle(span).color") == "rgb(127, 212, 162)"


def test_a_reload_in_the_middle_goes_on_where_it_is(
    page: Page, begin: Begin, held: Callable[[], None]
) -> None:
    page.goto(begin("reloaded"))
    shows(page, "Holding")
    expect(page.locator(".job-stage")).to_have_text("Installing")
    before = page.locator("progress").get_attribute("value")
    page.reload()
    shows(page, "Holding")
    now = page.locator("progress").get_attribute("value")
    assert float(now or 0) >= float(before or 0) > 0
    assert screen(page).count("Holding") == 1
    held()
    ended(page, "Installed")
    assert screen(page).count("This is the beginning") == 1


def test_the_web_server_dies_and_the_terminal_misses_nothing(
    page: Page, stack: LiveStack, begin: Begin, held: Callable[[], None]
) -> None:
    page.goto(begin("cut"))
    shows(page, "Holding")
    for process in stack.processes("daphne"):
        process.kill()
    held()  # what is printed now reaches no tab
    ended(page, "Installed")
    shows(page, "Installed 1 package")
    shown = screen(page)
    page.reload()
    shows(page, "Installed 1 package")
    assert screen(page) == shown


def test_a_second_run_on_a_host_waits_its_turn_and_says_so(
    page: Page, begin: Begin, held: Callable[[], None]
) -> None:
    page.goto(begin("first"))
    shows(page, "Holding")
    second = page.context.new_page()
    second.goto(begin("second"))
    words = "Waiting for another run on box to end (install Time)"
    expect(second.locator(".job-message")).to_have_text(words)
    held()
    for tab in (page, second):
        ended(tab, "Installed")
        shows(tab, "Installed 1 package")


def test_a_run_is_cancelled_and_tried_again(
    page: Page, begin: Begin, held: Callable[[], None], someone: Account
) -> None:
    page.goto(begin("cancelled"))
    shows(page, "Holding")
    other = page.context.new_page()
    other.goto(page.url)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel it").click()
    for tab in (page, other):
        ended(tab, "Cancelled")
    assert "cancelled" not in someone.run("ls")
    held()
    other.get_by_role("button", name="Retry").click()
    for tab in (page, other):
        ended(tab, "Installed")
        shows(tab, "MCP 2025-06-18: say, fail")
    assert screen(page) == screen(other)


def test_what_failed_says_why_and_what_to_do(page: Page, begin: Begin, someone: Account) -> None:
    someone.run("touch .fail")
    try:
        page.goto(begin("failed"))
        ended(page, "Failed")
    finally:
        someone.run("rm .fail")
    expect(page.locator(".run-state")).to_contain_text("while installing")
    expect(page.locator(".run-state .error-words")).to_contain_text("could not be installed")
    shows(page, "No such package")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    text = download.value.path().read_text()
    assert "100 % of the bar" in text
    assert "\x1b" not in text
    page.goto("/servers/")
    row = page.locator(".row").filter(has_text="could not be installed")
    expect(row).to_have_count(1)
    row.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(row).to_have_count(0)


def test_the_terminal_is_read_out_on_demand_and_stages_by_themselves(
    page: Page, begin: Begin, held: Callable[[], None]
) -> None:
    url = begin("heard")
    page.goto(url)
    shows(page, "Holding")
    spoken = page.locator("#notices")
    page.get_by_role("button", name="Read new output").click()
    expect(spoken).to_contain_text("Holding")
    held()
    expect(spoken).to_contain_text("Install Time: Done", timeout=SLOW)
    assert page.locator(".screen [aria-live]:not([aria-live=off])").count() == 0
    page.locator(".screen").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".screen :focus")).to_have_count(0)


def test_a_long_log_stays_smooth_and_whole(page: Page, begin: Begin, someone: Account) -> None:
    someone.run("touch .flood")
    try:
        page.goto(begin("flooded"))
        page.evaluate(
            """() => {
              window.longest = 0;
              let last = performance.now();
              const tick = (now) => {
                longest = Math.max(longest, now - last);
                last = now;
                requestAnimationFrame(tick);
              };
              requestAnimationFrame(tick);
            }"""
        )
        ended(page, "Installed")
    finally:
        someone.run("rm .flood")
    shows(page, "line 10000 of")
    assert page.evaluate("longest") < 1000
    page.locator(".screen").focus()
    page.keyboard.press("Home")
    shows(page, "This is the beginning")
    expect(page.get_by_role("button", name="To the end")).to_be_visible()
    page.get_by_role("button", name="To the end").click()
    shows(page, "line 10000 of")
    page.get_by_label("Search the output").fill("LINE 5432 of")
    page.keyboard.press("Enter")
    shows(page, "line 5432 of")
    page.get_by_label("Search the output").fill("nothing like it")
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("was not printed")


def test_bob_sees_and_hears_nothing_of_it(
    page: Page, new_page: NewPage, begin: Begin, held: Callable[[], None]
) -> None:
    bob = new_page("bob")
    frames: list[str] = []
    bob.on("websocket", lambda line: line.on("framereceived", lambda f: frames.append(str(f))))
    bob.goto("/servers/")
    url = begin("hers")
    page.goto(url)
    held()
    ended(page, "Installed")
    for path in (url, f"{url}part/"):
        answer = bob.goto(path)
        assert answer
        assert answer.status == 404
    bob.goto("/servers/")
    expect(bob.get_by_role("heading", name="No servers yet")).to_be_visible()
    bob.goto("/activity/")
    expect(bob.locator("live-list")).not_to_contain_text("Time")
    assert frames
    assert not [frame for frame in frames if "mcp_install_progress" in frame]


def test_activity_tells_of_it_too(page: Page, begin: Begin, held: Callable[[], None]) -> None:
    page.goto("/activity/")
    begin("active")
    row = page.locator("live-list .row").filter(has_text="Install a server").first
    expect(row.locator(".job-stage")).to_have_text("Installing", timeout=SLOW)
    held()
    expect(row.locator(".badge")).to_have_text("Done", timeout=SLOW)
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Install Time")
