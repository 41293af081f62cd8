"""The wizard: on which host, into which folder, with what; and what would be done."""

import json
import os

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import NewPage
from tests.browser.mcp.conftest import HostId
from tests.sshd import Account
from tests.stack import LiveStack

CATALOGUE = "/api/mcp/catalogue"
PASTED = {
    "name": "org.example/server-given",
    "title": "Given",
    "description": "Wants to be given things",
    "version": "2026.10.19",
    "packages": [
        {
            "registryType": "pypi",
            "identifier": "mcp-server-time",
            "version": "2026.10.19",
            "packageArguments": [
                {"type": "named", "name": "--local-timezone", "isRequired": True},
                {"type": "named", "name": "--mode", "choices": ["quick", "thorough"]},
            ],
            "environmentVariables": [
                {"name": "GIVEN_TOKEN", "isRequired": True, "isSecret": True},
                {"name": "GIVEN_LOUD", "format": "boolean", "default": "true"},
            ],
        }
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def entry(stack: LiveStack) -> str:
    """A server that wants to be given things, in ann's catalogue."""
    with stack.client("ann") as ann:
        made = ann.post(CATALOGUE, json={"serverJson": PASTED})
        assert made.status_code == 201, made.text
        return str(made.json()["entryId"])


@pytest.fixture(scope="module")
def time_server(stack: LiveStack) -> str:
    with stack.client("ann") as ann:
        found = ann.get(CATALOGUE, params={"q": "time zones"}).json()["servers"]
        found = found or ann.get(CATALOGUE, params={"q": "server-time"}).json()["servers"]
        return str(found[0]["entryId"])


def at(page: Page, step: str) -> None:
    expect(page.locator("[aria-current=step]")).to_have_text(step)


def open_folders(page: Page, entry: str, host: str) -> None:
    page.goto(f"/servers/install/{entry}/?host={host}")
    at(page, "Folder")
    expect(page.locator(".crumbs li").first).to_be_visible(timeout=30_000)


def folder(page: Page, name: str) -> None:
    page.locator(".files").get_by_role("button", name=name, exact=True).click()


def test_the_catalogue_is_searched_and_added_to_by_pasting(page: Page) -> None:
    page.goto("/servers/catalogue/?source=builtin")
    expect(page.locator(".entry")).to_have_count(6)
    page.get_by_label("Search servers").fill("repository")
    page.keyboard.press("Enter")
    expect(page.locator(".entry")).to_have_count(1)
    page.goto("/servers/catalogue/?q=nothing+like+it")
    expect(page.get_by_role("heading", name="No server matches")).to_be_visible()
    page.get_by_role("button", name="Paste a server.json").click()
    page.get_by_label("server.json", exact=True).fill("{")
    page.get_by_role("button", name="Add to my catalogue").click()
    expect(page.get_by_role("alert")).to_contain_text("not JSON")
    pasted = PASTED | {"name": "org.example/server-pasted", "title": "Pasted"}
    page.get_by_label("server.json", exact=True).fill(json.dumps(pasted))
    page.get_by_role("button", name="Add to my catalogue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pasted")
    expect(page.get_by_label("Inputs")).to_contain_text("GIVEN_TOKEN")
    page.get_by_role("button", name="Take out").click()
    page.get_by_role("dialog").get_by_role("button", name="Take out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Install a server")


def test_the_steps_lead_to_the_exact_commands_and_back_keeps_what_was_filled_in(
    page: Page, box: str, entry: str, someone: Account
) -> None:
    page.goto(f"/servers/install/{entry}/")
    at(page, "Host")
    page.get_by_role("radio", name="box").check()
    page.get_by_role("button", name="Go on").click()
    at(page, "Folder")
    expect(page.get_by_label("Folder", exact=True)).to_have_value(f"{someone.home}/mcp")
    page.get_by_label("Folder", exact=True).fill("~/my servers")
    page.get_by_role("button", name="Go on").click()
    at(page, "Review")
    expect(page.locator(".plan")).to_be_hidden()
    page.get_by_role("button", name="Install").click()
    expect(page.locator("[data-for=--local-timezone]")).to_have_text("This is needed.")
    page.get_by_label("--local-timezone").fill("Europe/Paris")
    page.get_by_label("--mode").select_option("thorough")
    page.get_by_label("GIVEN_TOKEN").fill("abc")
    expect(page.locator("[data-for=GIVEN_TOKEN]")).to_contain_text("6 characters")
    page.get_by_label("GIVEN_TOKEN").fill("a very secret thing")
    steps = page.locator(".plan-steps")
    expect(steps).to_contain_text("mcp-server-time==2026.10.19")
    expect(steps).to_contain_text(f"'{someone.home}/my servers/server-given/versions/")
    expect(steps).to_contain_text("--local-timezone Europe/Paris --mode thorough")
    expect(page.locator("main")).not_to_contain_text("a very secret thing")
    page.get_by_role("link", name="Folder").click()
    at(page, "Folder")
    expect(page.get_by_label("Folder", exact=True)).to_have_value("~/my servers")
    page.go_back()
    at(page, "Review")
    expect(page.get_by_label("GIVEN_TOKEN")).to_have_value("a very secret thing")
    page.reload()
    at(page, "Review")
    expect(page.get_by_label("--local-timezone")).to_have_value("Europe/Paris")
    expect(page.get_by_label("--mode")).to_have_value("thorough")
    expect(page.get_by_label("GIVEN_TOKEN")).to_have_value("")
    assert "very secret" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_a_host_whose_key_is_not_confirmed_is_confirmed_on_the_way(
    page: Page, new_host: HostId, time_server: str
) -> None:
    new_host("unknown", trusted=False)
    page.goto(f"/servers/install/{time_server}/")
    page.get_by_role("radio", name="unknown").check()
    expect(page.get_by_role("heading", name="Is this your host?")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Go on")).to_be_disabled()
    page.get_by_role("button", name="trust this key").click()
    expect(page.get_by_role("button", name="Go on")).to_be_enabled(timeout=30_000)
    page.get_by_role("button", name="Go on").click()
    at(page, "Folder")


def test_without_a_host_the_wizard_says_what_to_do_first(
    new_page: NewPage, time_server: str
) -> None:
    page = new_page("bob")
    page.goto(f"/servers/install/{time_server}/")
    page.get_by_role("link", name="Add your first host").click()
    expect(page.locator("host-form")).to_have_attribute(
        "data-next", f"/servers/install/{time_server}/"
    )


def test_folders_are_walked_with_mouse_keys_and_pasted_paths(
    page: Page, box: str, time_server: str, someone: Account
) -> None:
    someone.run("mkdir -p walk/alpha/inner walk/beta walk/.secret && touch walk/file.txt")
    open_folders(page, time_server, box)
    folder(page, "walk")
    expect(page.get_by_label("Folder", exact=True)).to_have_value(f"{someone.home}/walk")
    expect(page.locator(".files li")).to_have_text(["alpha", "beta", "file.txt"])
    expect(page.locator(".browser [role=status]")).to_contain_text("1 hidden")
    page.get_by_label("Hidden ones").check()
    expect(page.locator(".files li").first).to_have_text(".secret")
    page.get_by_label("Hidden ones").uncheck()
    page.locator(".files button").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="beta")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="alpha")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="inner")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name="alpha")).to_be_focused()
    page.locator(".crumbs").get_by_role("button", name=someone.home.name).click()
    expect(page.get_by_label("Folder", exact=True)).to_have_value(str(someone.home))
    page.get_by_label("Folder", exact=True).fill("~/walk/beta")
    page.keyboard.press("Enter")
    expect(page.locator(".crumbs li").last).to_have_text("beta")
    expect(page.locator(".browser [role=status]")).to_have_text("Nothing here")
    page.get_by_label("Name of a new folder").fill("it's new; $(id)")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_label("Folder", exact=True)).to_have_value(
        f"{someone.home}/walk/beta/it's new; $(id)"
    )
    page.get_by_label("Folder", exact=True).fill("~/not there yet")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_role("alert")).to_contain_text("made by the installation")


def test_a_folder_is_made_in_the_one_that_is_on_its_way(
    page: Page, box: str, time_server: str, someone: Account
) -> None:
    held: list[Route] = []
    page.route("**/files?*", lambda route: held.append(route), times=1)
    with page.expect_request("**/files?*"):
        page.goto(f"/servers/install/{time_server}/?host={box}")
    at(page, "Folder")
    page.get_by_label("Name of a new folder").fill("made early")
    with page.expect_request("**/directories"):
        page.get_by_role("button", name="Make").click()
        held[0].continue_()
    expect(page.get_by_label("Folder", exact=True)).to_have_value(f"{someone.home}/made early")


def test_odd_names_large_folders_and_closed_ones(
    page: Page, box: str, time_server: str, someone: Account
) -> None:
    someone.run(
        "mkdir -p odd/many && cd odd && mkdir '<b>bold' \"$(printf 'tab\\there')\" "
        "&& mkdir \"$(printf 'not-\\377-utf8')\" \"$(printf 'new\\nline')\" "
        "&& mkdir closed && chmod 0 closed "
        "&& cd many && i=0 && while [ $i -lt 600 ]; do mkdir d$i; i=$((i+1)); done"
    )
    open_folders(page, time_server, box)
    folder(page, "odd")
    names = page.locator(".files button")
    expect(names.filter(has_text="<b>bold")).to_have_count(1)
    expect(names.filter(has_text="tab\\there")).to_have_count(1)
    names.filter(has_text="utf8").click()
    expect(page.get_by_role("alert")).to_contain_text("not UTF-8")
    expect(page.get_by_label("Folder", exact=True)).to_have_value("")
    page.locator(".crumbs").get_by_role("button", name="odd").click()
    folder(page, "new\\nline")
    expect(page.get_by_role("alert")).to_contain_text("no server can be put there")
    expect(page.get_by_label("Folder", exact=True)).to_have_value("")
    page.locator(".crumbs").get_by_role("button", name="odd").click()
    if os.geteuid() == 0:
        folder(page, "closed")
        expect(page.get_by_role("alert")).to_contain_text("does not let you")
        expect(page.get_by_label("Folder", exact=True)).to_have_value(f"{someone.home}/odd")
    folder(page, "many")
    expect(page.locator(".files li")).to_have_count(500)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".files li")).to_have_count(600)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    someone.run("chmod 700 odd/closed")


def test_a_name_that_ends_in_a_space_keeps_it(
    page: Page, box: str, time_server: str, someone: Account
) -> None:
    trail = f"{someone.home}/spaces/trail "
    someone.run("mkdir -p 'spaces/trail '")
    open_folders(page, time_server, box)
    folder(page, "spaces")
    folder(page, "trail")
    field = page.get_by_label("Folder", exact=True)
    expect(field).to_have_value(trail)
    target = page.locator("[data-target]")
    assert target.evaluate("place => place.textContent") == f"{trail}/server-time"
    page.get_by_role("button", name="Go on").click()
    at(page, "Review")
    page.locator("a[data-step]", has_text="Folder").click()
    expect(page.locator(".crumbs li").last).to_be_visible()
    expect(field).to_have_value(trail)
    assert page.locator(".crumbs li").last.evaluate("it => it.textContent") == "trail "


def test_a_folder_of_the_system_is_refused_at_the_review(
    page: Page, box: str, time_server: str
) -> None:
    page.goto(f"/servers/install/{time_server}/?host={box}&directory=/etc")
    at(page, "Review")
    expect(page.locator("plan-review [role=alert]")).to_contain_text("belongs to the system")
