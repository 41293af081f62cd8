"""A network that blocks WebSockets: the pages are as live as ever, and say which way."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser.conftest import NewPage
from tests.browser.files import long_pdf
from tests.browser.test_documents import SLOW, percent, row
from tests.browser.test_pages import findings
from tests.stack import LiveStack, until

WORDS = "Live updates over HTTP: this network blocks WebSockets"
# As a browser behaves behind such a proxy: the handshake fails.
BLOCKED = """
    window.WebSocket = class {
        readyState = 0;
        constructor() {
            setTimeout(() => { this.readyState = 3; this.onclose?.({ code: 1006 }); }, 20);
        }
        close() {}
    };
"""

# The headless browser takes every tab for visible.
IN_THE_BACK = """() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def blocked(new_page: NewPage) -> Page:
    """A window of ann's on such a network."""
    page = new_page("ann")
    page.context.add_init_script(BLOCKED)
    return page


def test_progress_arrives_live_over_http_and_the_page_says_so(
    blocked: Page, stack: LiveStack, tmp_path: Path
) -> None:
    path = long_pdf(tmp_path, "detoured.pdf", 15)
    with blocked.expect_request("**/api/realtime/events?after=*"):
        blocked.goto("/documents/")
    status = blocked.locator("connection-status")
    expect(status).to_contain_text(WORDS)
    blocked.set_input_files("#files", path)
    seen: list[int] = []

    def has_ended() -> bool:
        if (now := percent(blocked, path.name)) >= 0:
            seen.append(now)
        return row(blocked, path.name).locator(".badge").count() > 0

    until(has_ended, within=SLOW / 1000)
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    expect(row(blocked, path.name)).to_contain_text("chunks,")
    expect(status).to_contain_text(WORDS)


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_it_says_is_accessible_and_in_nobody_s_way(
    new_page: NewPage, scheme: str, width: int
) -> None:
    page = new_page("ann", width=width, color_scheme=scheme)
    page.context.add_init_script(BLOCKED)
    page.goto("/documents/")
    expect(page.locator("connection-status")).to_contain_text(WORDS)
    assert list(findings(page)) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    heading, said = (page.locator(place).bounding_box() for place in ("h1", "connection-status"))
    assert heading
    assert said
    assert said["y"] + said["height"] <= heading["y"] or said["x"] + said["width"] <= heading["x"]


def test_the_next_page_goes_over_http_at_once(blocked: Page) -> None:
    blocked.goto("/documents/")
    expect(blocked.locator("connection-status")).to_contain_text(WORDS)
    with blocked.expect_response("**/api/realtime/events?after=*") as answer:
        blocked.goto("/activity/")
    assert answer.value.headers["content-type"] == "text/event-stream"
    expect(blocked.locator("connection-status")).to_contain_text(WORDS)


def test_signing_out_elsewhere_is_told_over_http_too(new_page: NewPage, stack: LiveStack) -> None:
    page = new_page("")
    page.context.add_init_script(BLOCKED)
    with stack.client("ann") as device:
        page.context.add_cookies(
            [{"name": "sessionid", "value": device.cookies["sessionid"], "url": stack.url}]
        )
        page.goto("/documents/")
        expect(page.locator("connection-status")).to_contain_text(WORDS)
        assert device.delete("/api/session").status_code == 204
    expect(page.get_by_role("dialog", name="You are signed out")).to_be_visible()


def test_tabs_in_the_back_leave_their_connections_to_others(blocked: Page) -> None:
    """A browser has six to a server; without a WebSocket each tab would keep one."""
    blocked.goto("/documents/")
    expect(blocked.locator("connection-status")).to_contain_text(WORDS)
    for _ in range(8):
        tab = blocked.context.new_page()
        with tab.expect_response("**/api/realtime/events?after=*"):
            tab.goto("/documents/")
        tab.evaluate(IN_THE_BACK)


def test_a_restarted_web_server_is_no_such_network(page: Page, stack: LiveStack) -> None:
    heard: list[WebSocket] = []
    page.on("websocket", lambda line: line.on("framereceived", lambda _: heard.append(line)))
    page.goto("/documents/")
    until(lambda: page.title() and heard)
    before = heard[-1]
    for process in stack.processes("demo.asgi:application"):
        process.kill()
    until(lambda: page.title() and heard[-1] is not before, within=60)
    expect(page.locator("connection-status")).to_be_empty()
    assert page.evaluate("localStorage.length") == 0
