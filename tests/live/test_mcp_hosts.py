"""Hosts in the whole product: a worker signs in, the web process never does."""

import signal
import statistics
import time
from typing import Any

import httpx
import psutil
import pytest

from tests.sshd import Account, Sshd, account, running
from tests.stack import LiveStack, until

URL = "/api/mcp/hosts"


@pytest.fixture(scope="module")
def someone() -> Any:
    with account() as made:
        yield made


@pytest.fixture(scope="module")
def sshd() -> Any:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def host(stack: LiveStack, sshd: Sshd, someone: Account) -> str:
    """Added, compared, confirmed and tested."""
    with stack.client("ann") as ann:
        body = {"name": "box", "hostname": "127.0.0.1", "port": sshd.port}
        body |= {"username": someone.name, "auth": {"privateKey": sshd.key}}
        made = ann.post(URL, json=body)
        assert made.status_code == 201, made.text
        url = f"{URL}/{made.json()['hostId']}"
        shown = ann.post(f"{url}/test").json()
        assert shown["fingerprint"] == sshd.fingerprint()
        assert ann.post(f"{url}/trust", json={"fingerprint": shown["fingerprint"]}).is_success
        assert ann.post(f"{url}/test").json()["facts"]["user"] == someone.name
        return url


def test_a_worker_signs_in_and_the_web_process_does_not(
    stack: LiveStack, ann: httpx.Client, host: str, sshd: Sshd
) -> None:
    until(lambda: httpx.get(f"{stack.url}/readyz").json()["parts"]["workers"])
    assert ann.get(f"{host}/files").is_success  # by a connection that is kept
    assert sshd.port in ports_of(stack.processes("--queues=ssh"))
    assert sshd.port not in ports_of(stack.processes("demo.web"))


def ports_of(processes: list[psutil.Process]) -> set[int]:
    """Of the other ends of their connections."""
    return {line.raddr.port for p in processes for line in p.net_connections() if line.raddr}


def test_looking_around_is_quick(stack: LiveStack, ann: httpx.Client, host: str) -> None:
    took = []
    for _ in range(20):
        began = time.monotonic()
        assert ann.get(f"{host}/files", params={"path": "/usr/bin"}).is_success
        took.append(time.monotonic() - began)
    assert statistics.median(took) < 0.5, took


def test_a_plan_is_shown_from_the_terminal_s_host_too(
    stack: LiveStack, ann: httpx.Client, host: str, someone: Account
) -> None:
    listed = stack.manage("mcphosts", "list", "--owner", "ann", "--json")
    assert '"status":"READY"' in listed.stdout, listed.stderr
    wish = {"hostId": host.rpartition("/")[2], "server": "time", "directory": "~/mcp"}
    facts = ann.get(host).json()["facts"]
    shown = ann.post("/api/mcp/installs", json=wish | {"dryRun": True})
    if facts["uv"] or facts["hasVenv"]:
        assert shown.json()["folder"].startswith(f"{someone.home}/mcp/server-time/versions/")
    else:
        assert shown.json()["code"] == "venv_missing"


def test_a_killed_worker_is_replaced_and_looks_go_on(
    stack: LiveStack, ann: httpx.Client, host: str
) -> None:
    killed: list[psutil.Process] = stack.processes("--queues=ssh")
    for process in killed:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(killed, timeout=10)  # what it takes while it dies is lost: ask again
    assert ann.get(f"{host}/files", timeout=60).is_success  # the request waited for it
    assert not {p.pid for p in killed} & {p.pid for p in stack.processes("--queues=ssh")}
