"""Tools: nothing runs that its owner has not allowed."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat.conftest import Say, complete, reply
from tests.browser.test_pages import findings

ADD = 'Use add {"a": 17, "b": 25}'


@pytest.fixture
def asks(page: Page, say: Say) -> Page:
    """A page on which the model asks to add."""
    page.locator("summary", has_text="Tools").click()
    page.get_by_label("Calculator").check()
    page.keyboard.press("Escape")
    say(page, ADD)
    expect(page.get_by_role("button", name="Allow once")).to_be_visible()
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    return page


def test_a_call_is_explained_before_it_is_allowed(asks: Page) -> None:
    card = asks.get_by_role("region", name="Tool add")
    expect(card).to_contain_text("add of Calculator")
    expect(card).to_contain_text("Waiting for you")
    expect(card).to_contain_text("Adds two numbers.")
    expect(card).to_contain_text('"a": 17')
    expect(card).to_contain_text("can change or send what it has access to")
    expect(asks.locator(".past a").first).to_contain_text("Waits for you")
    expect(asks.locator("#notices")).to_contain_text("asks to use a tool")
    assert list(findings(asks)) == []


def test_what_is_allowed_in_one_tab_is_allowed_in_all(asks: Page) -> None:
    other = asks.context.new_page()
    other.goto(asks.url)
    other.get_by_role("button", name="Allow once").click()
    for tab in (asks, other):
        expect(tab.get_by_role("button", name="Allow once")).to_have_count(0)
        expect(tab.locator(".call .badge")).to_have_text("Done")
        expect(reply(tab)).to_contain_text("The tool said: <tool_result> add: 42")
    complete(asks)
    asks.get_by_text("Result", exact=True).click()
    expect(asks.locator(".call-result pre")).to_have_text("add: 42")
    asks.reload()
    expect(reply(asks)).to_contain_text("I use a tool.")
    expect(reply(asks)).to_contain_text("The tool said")


def test_a_denial_has_a_reason_that_the_model_is_told(asks: Page) -> None:
    asks.get_by_label("Why not").fill("I can add myself")
    asks.get_by_role("button", name="Deny").click()
    expect(asks.locator(".call .badge")).to_have_text("Denied")
    expect(reply(asks)).to_contain_text("The user did not allow this call. I can add myself")


def test_what_is_always_allowed_asks_no_more_until_it_is_revoked(asks: Page, say: Say) -> None:
    asks.get_by_role("button", name="Always allow this tool").click()
    complete(asks)
    say(asks, 'Use add {"a": 1, "b": 1}')
    expect(reply(asks)).to_contain_text("add: 2")
    complete(asks)
    chat = asks.url
    asks.goto("/settings/")
    row = asks.locator("#permissions .row")
    expect(row).to_contain_text("add")
    expect(row).to_contain_text("Calculator")
    assert list(findings(asks)) == []
    asks.get_by_role("button", name="Revoke: add of Calculator").click()
    expect(row).to_have_count(0)
    asks.goto(chat)
    say(asks, 'Use add {"a": 2, "b": 2}')
    expect(asks.get_by_role("button", name="Allow once")).to_be_visible()
    asks.get_by_role("button", name="Stop").click()
    expect(asks.locator(".call .badge").last).to_have_text("Denied")


def test_a_reason_that_is_being_typed_outlives_other_news(asks: Page, say: Say) -> None:
    asks.get_by_label("Why not").fill("Because")
    say(asks, "Repeat: Later")
    expect(asks.locator("chat-message.assistant").last).to_contain_text("Queued")
    asks.get_by_label("Message").fill("Not sent")
    expect(asks.get_by_label("Why not")).to_have_value("Because")
    asks.get_by_role("button", name="Deny").click()
    expect(reply(asks, 0)).to_contain_text("Because")
    expect(reply(asks, 1)).to_have_text("Later")


def test_a_tool_that_is_not_switched_on_cannot_be_used(page: Page, say: Say) -> None:
    say(page, ADD)
    expect(page.locator(".call .badge")).to_have_text("Failed")
    complete(page)
    expect(reply(page)).to_contain_text("There is no such tool.")
