"""Hosts and servers: the product with a real sshd beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.sshd import Account, Sshd, account, running
from tests.stack import LiveStack, started

HOSTS = "/api/mcp/hosts"


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack of its own, whose hosts may be this machine."""
    folder = Path(tmp_path_factory.mktemp("mcp")) / "var"
    yield from started(folder, MCP_SSH_ALLOW_PRIVATE="on")


@pytest.fixture(scope="package")
def someone() -> Iterator[Account]:
    with account() as made:
        yield made


@pytest.fixture(scope="package")
def sshd() -> Iterator[Sshd]:
    with running() as server:
        yield server


HostId = Callable[..., str]


@pytest.fixture
def new_host(stack: LiveStack, sshd: Sshd, someone: Account) -> Iterator[HostId]:
    """A host of ann's by the API, added, confirmed and tested; gone after the test if it can."""
    made: list[str] = []

    def make(name: str = "box", *, trusted: bool = True, **more: Any) -> str:
        body = {"name": name, "hostname": "127.0.0.1", "port": sshd.port}
        body |= {"username": someone.name, "auth": {"privateKey": sshd.key}} | more
        with stack.client("ann") as ann:
            answer = ann.post(HOSTS, json=body)
            assert answer.status_code == 201, answer.text
            host: str = answer.json()["hostId"]
            made.append(host)
            if trusted:
                shown = ann.post(f"{HOSTS}/{host}/test").json()
                ann.post(f"{HOSTS}/{host}/trust", json={"fingerprint": shown["fingerprint"]})
                assert ann.post(f"{HOSTS}/{host}/test", timeout=60).is_success
        return host

    yield make
    with stack.client("ann") as ann:
        for host in made:
            ann.delete(f"{HOSTS}/{host}")


def add_by_hand(page: Page, name: str, sshd: Sshd, someone: Account, **fields: str) -> None:
    """Fill in the form of a new host, and send it."""
    page.goto("/hosts/add/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Address").fill(fields.get("address", "127.0.0.1"))
    page.get_by_label("Port").fill(fields.get("port", str(sshd.port)))
    page.get_by_label("Your user name there").fill(fields.get("username", someone.name))
    page.get_by_role("textbox", name="Private key").fill(fields.get("key", sshd.key))
    page.get_by_role("button", name="Add, and show me its key").click()


def badge(page: Page, words: str) -> None:
    """The host's state, in words."""
    expect(page.locator(".host-line .badge")).to_have_text(words, timeout=30_000)
