"""Hosts and servers: the product with a real sshd beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.mcp_install.hosts import give_uv, write
from tests.sshd import Account, Sshd, account, running
from tests.stack import LiveStack, started

HOSTS = "/api/mcp/hosts"
# Colours, a bar that is drawn over itself, letters of more than one byte.
HOW = r"""
printf 'This is the beginning\n'
i=0
while [ $i -le 100 ]; do
  printf '\r\033[32m%3d %%\033[0m of the bar' $i
  i=$((i+10)); sleep 0.03
done
printf '\nünïcode ✓ 😀 %s\n' "$wanted"
if [ -e "$HOME/.hold" ]; then
  echo Holding
  while [ -e "$HOME/.hold" ]; do sleep 0.05; done
fi
if [ -e "$HOME/.fail" ]; then echo "No such package" >&2; exit 1; fi
if [ -e "$HOME/.flood" ]; then seq -f 'line %.0f of a long log that goes on and on' 1 10000; fi
program="$(dirname "$python")/${wanted%%==*}"
cp "$HOME/.server" "$program" && chmod 700 "$program"
echo "Installed 1 package"
"""
# It has one tool of every kind of argument, which gives back what it was given.
SERVER = r"""#!/usr/bin/env python3
import json, sys
SCHEMA = {
    "type": "object",
    "required": ["words", "number"],
    "properties": {
        "loud": {"type": "boolean", "description": "Say it in capitals"},
        "tone": {"enum": ["plain", "friendly"], "default": "plain"},
        "words": {"type": "string", "description": "What to say"},
        "number": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
TOOLS = [
    {"name": "say", "description": "Says it", "inputSchema": SCHEMA,
     "annotations": {"readOnlyHint": True}},
    {"name": "fail", "description": "Fails", "inputSchema": {"type": "object"}},
]
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    answer, asks = {"jsonrpc": "2.0", "id": asked["id"]}, asked["method"]
    if asks == "initialize":
        answer["result"] = {
            "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "sayer", "version": "1"},
        }
    elif asks == "tools/list":
        answer["result"] = {"tools": TOOLS}
    elif asks == "tools/call":
        fails = asked["params"]["name"] == "fail"
        text = "It went wrong" if fails else json.dumps(asked["params"]["arguments"])
        answer["result"] = {"content": [{"type": "text", "text": text}], "isError": fails}
    else:
        answer["error"] = {"code": -32601, "message": "what?"}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack of its own, whose hosts may be this machine."""
    folder = Path(tmp_path_factory.mktemp("mcp")) / "var"
    yield from started(folder, MCP_SSH_ALLOW_PRIVATE="on")


@pytest.fixture(scope="package")
def someone() -> Iterator[Account]:
    """An account that installs quickly, and as a test says."""
    with account() as made:
        give_uv(made, HOW, SERVER)
        yield made


@pytest.fixture
def held(someone: Account) -> Iterator[Callable[[], None]]:
    """What is installed meanwhile waits in the middle; call it to let that go on."""
    write(someone, ".hold", "")
    yield lambda: someone.run("rm -f .hold") and None
    someone.run("rm -f .hold")


@pytest.fixture(scope="package")
def sshd() -> Iterator[Sshd]:
    with running() as server:
        yield server


HostId = Callable[..., str]


@pytest.fixture(scope="package")
def make_host(stack: LiveStack, sshd: Sshd, someone: Account) -> HostId:
    """A host of ann's by the API: added, confirmed and tested, unless it is not to be trusted."""

    def make(name: str, *, trusted: bool = True, **more: Any) -> str:
        body = {"name": name, "hostname": "127.0.0.1", "port": sshd.port}
        body |= {"username": someone.name, "auth": {"privateKey": sshd.key}} | more
        with stack.client("ann") as ann:
            host = f"{HOSTS}/{said(ann.post(HOSTS, json=body))['hostId']}"
            if trusted:
                shown = said(ann.post(f"{host}/test", timeout=60))
                said(ann.post(f"{host}/trust", json={"fingerprint": shown["fingerprint"]}))
                said(ann.post(f"{host}/test", timeout=60))
        return host.rpartition("/")[2]

    return make


def said(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture(scope="package")
def box(make_host: HostId) -> str:
    """One for all tests that leave it as it is: people may test only so often."""
    return make_host("box")


@pytest.fixture
def new_host(stack: LiveStack, make_host: HostId) -> Iterator[HostId]:
    """Hosts of the test's own, gone afterwards."""
    made: list[str] = []

    def make(name: str, **options: Any) -> str:
        made.append(make_host(name, **options))
        return made[-1]

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
