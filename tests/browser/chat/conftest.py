"""Conversations with a model that does as it is told, and with tools that are harmless."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.model_server import ModelServer, running
from tests.stack import LiveStack, started

RATE = 50.0  # tokens a second


@pytest.fixture(scope="package")
def model_server() -> Iterator[ModelServer]:
    with running(RATE) as server:
        yield server


@pytest.fixture(scope="package")
def stack(
    model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveStack]:
    """A stack of its own, that asks our model and knows our tools."""
    yield from started(
        Path(tmp_path_factory.mktemp("chat")) / "var",
        LLM_BASE_URL=model_server.url,
        LLM_MODEL="model-a,model-b",
        LLM_API_KEY="none",
        TOOL_PROVIDER="tests.browser.chat.tools.Calculators",
    )


@pytest.fixture
def model(model_server: ModelServer) -> Iterator[ModelServer]:
    """The model, whose pace is the test's own."""
    yield model_server
    model_server.rate = RATE


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A window of ann's with a conversation that has not begun."""
    page = new_page("ann")
    page.goto("/chat/")
    return page


Say = Callable[[Page, str], Locator]


@pytest.fixture
def say() -> Say:
    """Send a message; what is shown of it is there when this returns."""

    def send(page: Page, words: str) -> Locator:
        count = page.locator(".messages .wrote").count()
        expect(page.locator(".send")).to_be_enabled()
        page.get_by_label("Message").fill(words)
        page.keyboard.press("Enter")
        expect(page.locator(".messages .wrote")).to_have_count(count + 1)
        return reply(page)

    return send


def reply(page: Page, n: int = -1) -> Locator:
    """An answer of those that are shown, the last one unless another is meant."""
    return page.locator("chat-message.assistant .reply").nth(n)


def complete(page: Page) -> None:
    """Nothing is written or waited for any more, and something was."""
    expect(page.locator("chat-message.assistant").first).to_be_visible()
    expect(page.locator("chat-message[data-writing=true]")).to_have_count(0, timeout=40_000)
