"""A server that ann installed on her host, in a conversation of hers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.test_pages import findings
from tests.mcp_install.in_stack import put_in
from tests.mcp_install.programs import myself
from tests.model_server import running
from tests.sshd import running as sshd_running
from tests.stack import LiveStack, started


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack of its own, that asks our model, and has a server on a host of ann's."""
    with running() as model, sshd_running() as sshd, myself() as me:
        for one in started(
            Path(tmp_path_factory.mktemp("installed")) / "var",
            LLM_BASE_URL=model.url,
            LLM_MODEL="model-a",
            LLM_API_KEY="none",
        ):
            put_in(one, sshd, me)
            yield one


def test_its_tools_are_offered_asked_about_and_used(new_page: NewPage) -> None:
    page = new_page("ann")
    page.goto("/chat/")
    page.locator("summary", has_text="Tools").click()
    page.get_by_label("Sums").check()
    page.keyboard.press("Escape")
    page.get_by_label("Message").fill('Use add {"a": 17, "b": 25}')
    page.keyboard.press("Enter")
    card = page.get_by_role("region", name="Tool add")
    expect(card).to_contain_text("add of Sums")
    expect(card).to_contain_text("Add two numbers.")
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    assert list(findings(page)) == []
    page.get_by_role("button", name="Allow once").click()
    expect(page.locator(".call .badge")).to_have_text("Done", timeout=20_000)
    expect(page.locator("chat-message.assistant .reply")).to_contain_text("42")


def test_nobody_else_is_offered_them(new_page: NewPage) -> None:
    page = new_page("bob")
    page.goto("/chat/")
    expect(page.get_by_label("Message")).to_be_visible()
    expect(page.get_by_label("Sums")).to_have_count(0)
