"""A real Chromium against the real stack. People: ann owns, bob is another user.

Every page is watched: a refused script, style or connection, an uncaught error, or a request to
another origin fails the test that caused it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    StorageState,
    StorageStateCookie,
    expect,
)

from tests.stack import LiveStack

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
# Refused requests are what some tests are about; the browser logs each of them.
_EXPECTED = ("Failed to load resource", "WebSocket connection to")
expect.set_options(timeout=15_000)

NewPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    quiet = [f"--disable-{what}" for what in ("background-networking", "component-update", "sync")]
    return {
        **browser_type_launch_args,
        "executable_path": CHROMIUM,
        "args": ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", *quiet],
    }


@pytest.fixture(scope="module")
def signed_in(stack: LiveStack) -> Callable[[str], StorageState]:
    """A person's cookies, after signing in once to the stack of the module."""

    @cache
    def cookies_of(username: str) -> StorageState:
        with stack.client(username) as client:
            return {"cookies": [_cookie(name, value) for name, value in client.cookies.items()]}

    return cookies_of


def _cookie(name: str, value: str) -> StorageStateCookie:
    return {
        "name": name,
        "value": value,
        "domain": "localhost",
        "path": "/",
        "expires": -1,
        "httpOnly": True,
        "secure": False,
        "sameSite": "Lax",
    }


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What browsers complained of during the test."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def new_page(
    browser: Browser,
    stack: LiveStack,
    signed_in: Callable[[str], StorageState],
    complaints: list[str],
) -> Iterator[NewPage]:
    """Open a window of its own: `new_page("ann", width=320, color_scheme="dark")`; "" is nobody."""
    contexts: list[BrowserContext] = []

    def open_one(username: str = "ann", width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(
            base_url=stack.url,
            viewport={"width": width, "height": 800},
            storage_state=signed_in(username) if username else None,
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        watch(page, stack.url, complaints)
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A window of ann's."""
    return new_page("ann")


def watch(page: Page, origin: str, complaints: list[str]) -> None:
    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_EXPECTED):
            complaints.append(message.text)

    def on_request(request: Request) -> None:
        if not request.url.startswith((origin, "blob:", "data:")):
            complaints.append(f"a request to {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", on_request)
