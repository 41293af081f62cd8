"""Installed servers, as a person looks at them, tries their tools and changes their version."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.browser.mcp.conftest import said
from tests.browser.mcp.test_installing import SLOW, ended
from tests.sshd import Account
from tests.stack import LiveStack, until


def sayer(version: str) -> dict[str, object]:
    package = {"registryType": "pypi", "identifier": "sayer", "version": version}
    named = {"name": "org.example/server-sayer", "title": "Sayer", "description": "Says things"}
    return named | {"version": version, "packages": [package]}


@pytest.fixture(scope="module")
def server(stack: LiveStack, box: str) -> str:
    """One of ann's that is ready; its page."""
    with stack.client("ann") as ann:
        entry = said(ann.post("/api/mcp/catalogue", json={"serverJson": sayer("1.0.0")}))
        wish = {"hostId": box, "server": entry["entryId"], "directory": "~/said"}
        run = said(ann.post("/api/mcp/installs", json=wish))["installId"]
        url = f"/api/mcp/installs/{run}"
        until(lambda: ann.get(url).json()["stage"] == "COMPLETE", within=SLOW / 1000)
        return f"/servers/{ann.get(url).json()['serverId']}/"


def tool(page: Page, name: str) -> Locator:
    shown = page.locator(f"[data-key=tool-{name}]")
    shown.get_by_text("Try it").click()
    return shown


def state(page: Page, words: str) -> None:
    expect(page.locator(".server-state .badge[data-status]")).to_have_text(words, timeout=SLOW)


def test_a_server_shows_what_it_is_and_what_it_can(page: Page, server: str) -> None:
    page.goto("/servers/")
    row = page.locator(".row").filter(has_text="Sayer")
    expect(row).to_contain_text("on box · 1.0.0 · 2 tools")
    row.get_by_role("link", name="Sayer").click()
    state(page, "Ready")
    expect(page.locator(".server-state")).to_contain_text("MCP 2025-06-18")
    expect(page.get_by_role("heading", name="Tools 2")).to_be_visible()
    say = page.locator("[data-key=tool-say]")
    expect(say).to_contain_text("only reads")
    say.get_by_text("Schema").click()
    expect(say.locator("details pre").first).to_contain_text('"minimum": 1')


def test_a_tool_is_tried_with_a_form_of_its_arguments(page: Page, server: str) -> None:
    page.goto(server)
    say = tool(page, "say")
    labels = say.locator(".field label").all_inner_texts()
    assert [label.split()[0] for label in labels] == ["words", "number", "loud", "tags", "tone"]
    assert ["required" in label for label in labels] == [True, True, False, False, False]
    run = say.get_by_role("button", name="Run it")
    run.click()
    expect(say.locator("[data-for=words]")).to_have_text("This is needed.")
    expect(say.get_by_label("words")).to_be_focused()
    say.get_by_label("words").fill("<b>hé</b>")
    say.get_by_label("number").fill("many")
    say.get_by_label("tags").fill("[1")
    run.click()
    expect(say.locator("[data-for=number]")).to_have_text("A number is needed.")
    expect(say.locator("[data-for=tags]")).to_contain_text("not JSON")
    say.get_by_label("number").fill("0")
    say.get_by_label("tags").fill('["a", 2]')
    run.click()
    expect(say.locator("[data-for=number]")).to_contain_text("minimum")
    expect(say.locator("[data-for=tags]")).to_contain_text("type string")
    say.get_by_label("number").fill("2")
    say.get_by_label("tags").fill('["a"]')
    say.get_by_label("loud").check()
    say.get_by_label("tone").select_option("friendly")
    run.click()
    expect(say.locator(".result code")).to_have_text(
        '{"words": "<b>h\\u00e9</b>", "number": 2, "loud": true, '
        '"tags": ["a"], "tone": "friendly"}',
        timeout=SLOW,
    )
    expect(say.get_by_role("status")).to_contain_text("Done,")
    fail = tool(page, "fail")
    fail.get_by_role("button", name="Run it").click()
    expect(fail.get_by_role("status")).to_contain_text("The tool says it failed")
    expect(fail.locator(".result code")).to_have_text("It went wrong")


def test_a_check_is_live_in_all_tabs_and_disturbs_nobody_who_types(
    page: Page, server: str, someone: Account
) -> None:
    page.goto(server)
    others = [page.context.new_page() for _ in range(2)]
    others[0].goto(server)
    others[1].goto("/servers/")
    tool(others[0], "say").get_by_label("words").fill("half a sent")
    someone.run("mv said/server-sayer/versions said/server-sayer/away")
    try:
        page.get_by_role("button", name="Check now").click()
        for tab in (page, others[0]):
            state(tab, "Broken")
        row = others[1].locator(".row").filter(has_text="Sayer")
        expect(row.locator(".badge")).to_have_text("Broken", timeout=SLOW)
    finally:
        someone.run("mv said/server-sayer/away said/server-sayer/versions")
    row.get_by_role("button", name="Check").click()
    for tab in (page, others[0]):
        state(tab, "Ready")
    expect(row.locator(".badge")).to_have_text("Ready", timeout=SLOW)
    expect(others[0].get_by_label("words")).to_have_value("half a sent")


def test_another_version_is_put_beside_it_and_gone_back_from(
    page: Page, server: str, stack: LiveStack, someone: Account
) -> None:
    with stack.client("ann") as ann:
        said(ann.post("/api/mcp/catalogue", json={"serverJson": sayer("1.1.0")}))
    page.goto(server)
    page.get_by_role("link", name="Upgrade to 1.1.0").click()
    page.get_by_label("Version").fill("1.0.0")
    expect(page.locator(".plan [data-about]")).to_contain_text("is there already", timeout=SLOW)
    expect(page.locator(".plan-steps li")).to_have_count(1)
    page.get_by_role("button", name="Check", exact=True).click()
    ended(page, "Checked")
    page.goto(server)
    page.get_by_role("link", name="Upgrade to 1.1.0").click()
    expect(page.locator(".plan-steps")).to_contain_text("sayer==1.1.0", timeout=SLOW)
    page.get_by_role("button", name="Upgrade", exact=True).click()
    ended(page, "Upgraded")
    page.get_by_role("link", name="See its tools").click()
    page.wait_for_load_state()
    expect(page.locator("header.page-head").first).to_contain_text("version 1.1.0")
    expect(page.get_by_label("Facts")).to_contain_text("Kept beside it")
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator("live-runs header")).to_contain_text("version 1.0.0", timeout=SLOW)
    state(page, "Ready")
    assert someone.run("readlink said/server-sayer/current").startswith("versions/1.0.0-")


def test_bob_sees_no_server_of_ann_s(new_page: NewPage, server: str) -> None:
    bob = new_page("bob")
    for url in (server, f"{server}part/", f"{server}upgrade/"):
        answer = bob.goto(url)
        assert answer
        assert answer.status == 404
