"""Hosts, as a person adds them, compares their keys and tests them."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.mcp.conftest import HostId, add_by_hand, badge
from tests.sshd import PASSWORD as ON_THE_HOST
from tests.sshd import Account, Sshd, only_root, running
from tests.stack import PASSWORD


def remove(page: Page) -> None:
    page.get_by_role("button", name="Remove").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hosts")


def test_without_a_host_a_person_is_told_what_one_is(new_page: NewPage) -> None:
    page = new_page("bob")
    page.goto("/hosts/")
    expect(page.get_by_role("heading", name="Add your first host")).to_be_visible()
    page.get_by_role("link", name="Add your first host").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a host")


def test_a_host_is_added_compared_trusted_and_tested(
    page: Page, sshd: Sshd, someone: Account
) -> None:
    before = sshd.log().count("Accepted")
    add_by_hand(page, "By hand", sshd, someone)
    expect(page.get_by_role("heading", name="Is this your host?")).to_be_visible(timeout=30_000)
    expect(page.locator(".fingerprint")).to_contain_text("ED25519")
    expect(page.locator(".fingerprint code")).to_have_text(sshd.fingerprint())
    expect(page.locator(".key")).to_contain_text("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    assert sshd.log().count("Accepted") == before
    page.get_by_role("button", name="trust this key").click()
    badge(page, "Ready")
    facts = page.get_by_label("What the host has")
    expect(facts).to_contain_text(someone.name)
    expect(facts).to_contain_text("free")
    expect(facts).to_contain_text(sshd.fingerprint())
    expect(page.locator(".host-line")).to_contain_text(re.compile(r"answered in \d+ ms"))
    page.get_by_role("button", name="Test the connection").click()
    badge(page, "Ready")
    page.reload()
    badge(page, "Ready")
    page.goto("/hosts/")
    expect(page.locator(".row").filter(has_text="By hand")).to_contain_text("Ready")
    page.get_by_role("link", name="By hand").click()
    remove(page)
    expect(page.locator("main")).not_to_contain_text("By hand")


def test_the_list_is_the_same_in_every_tab(page: Page, sshd: Sshd, someone: Account) -> None:
    page.goto("/hosts/")
    other = page.context.new_page()
    add_by_hand(other, "Elsewhere", sshd, someone)
    row = page.locator(".row").filter(has_text="Elsewhere")
    expect(row).to_contain_text("Compare its key", timeout=30_000)
    other.get_by_role("button", name="trust this key").click()
    expect(row).to_contain_text("Ready", timeout=30_000)
    remove(other)
    expect(row).to_have_count(0)


def test_what_does_not_fit_is_said_beside_its_field_and_the_rest_is_kept(
    page: Page, sshd: Sshd, someone: Account
) -> None:
    add_by_hand(page, "Wrong", sshd, someone, address="me@there", key="no key")
    alone = page.locator("[data-for=hostname], [data-for=privateKey]").filter(has_text=".")
    expect(alone.first).to_be_visible()
    add_by_hand(page, "Wrong", sshd, someone, key="no key")
    expect(page.locator("[data-for=privateKey]")).to_contain_text("BEGIN")
    expect(page.get_by_role("textbox", name="Private key")).to_be_focused()
    page.reload()
    expect(page.get_by_label("Address")).to_have_value("127.0.0.1")
    expect(page.get_by_role("textbox", name="Private key")).to_have_value("")


def test_a_host_that_does_not_answer_says_why_and_can_be_changed(
    page: Page, sshd: Sshd, someone: Account
) -> None:
    add_by_hand(page, "Away", sshd, someone, port="1")
    badge(page, "Nothing listens at that port of the host")
    expect(page.locator(".problem")).to_contain_text("Is its SSH server running")
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Away")
    page.get_by_label("Port").fill(str(sshd.port))
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".fingerprint code")).to_have_text(sshd.fingerprint(), timeout=30_000)
    remove(page)


def test_a_changed_key_stops_everything_and_shows_both(
    page: Page, someone: Account, new_host: HostId
) -> None:
    with running() as other:
        old = other.fingerprint()
        host = new_host("Changing", port=other.port, auth={"privateKey": other.key})
        other.new_host_key()
        page.goto(f"/hosts/{host}/")
        page.get_by_role("button", name="Test the connection").click()
        expect(page.get_by_role("heading", name="Stop: the host's key changed")).to_be_visible(
            timeout=30_000
        )
        expect(page.locator(".keys-of")).to_contain_text(old)
        expect(page.locator(".keys-of")).to_contain_text(other.fingerprint())
        page.get_by_label("Your own password here").fill("not it")
        page.get_by_role("button", name="trust the new one").click()
        expect(page.get_by_role("alert")).to_contain_text("your own password")
        page.get_by_label("Your own password here").fill(PASSWORD)
        page.get_by_role("button", name="trust the new one").click()
        badge(page, "Ready")


@only_root
def test_a_host_that_asks_each_time_keeps_nothing(
    page: Page, sshd: Sshd, someone: Account, new_host: HostId
) -> None:
    host = new_host("Asking", trusted=False, auth={"ask": True})
    page.goto(f"/hosts/{host}/")
    page.get_by_role("button", name="trust this key").click(timeout=30_000)
    field = page.get_by_label("Password on the host")
    field.fill("not it at all")
    page.get_by_role("button", name="Sign in and test").click()
    expect(page.locator(".problem")).to_contain_text("does not let you in", timeout=30_000)
    page.get_by_label("Password on the host").fill(ON_THE_HOST)
    page.get_by_role("button", name="Sign in and test").click()
    badge(page, "Ready")
    assert ON_THE_HOST not in page.content()


def test_bob_sees_no_host_of_ann_s(new_page: NewPage, box: str) -> None:
    bob = new_page("bob")
    bob.goto("/hosts/")
    expect(bob.locator("main")).not_to_contain_text("box")
    for url in (f"/hosts/{box}/", f"/hosts/{box}/part/", f"/hosts/{box}/change/"):
        answer = bob.goto(url)
        assert answer
        assert answer.status == 404


@pytest.mark.parametrize("url", ["/hosts/add/?next=https://elsewhere.example/", "/hosts/add/"])
def test_adding_never_leads_to_another_site(page: Page, url: str) -> None:
    page.goto(url)
    assert page.locator("host-form").get_attribute("data-next") == ""
