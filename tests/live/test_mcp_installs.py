"""Runs on a host in the whole product: told live, read late, cancelled, and taken up again."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.live.tab import Tab
from tests.mcp_install.remote_uv import STUBBORN, give_uv, processes_of
from tests.sshd import Account, Sshd, account, running
from tests.stack import LiveStack, until

URL = "/api/mcp"
TALKS = r"""
for word in one two three four five six seven eight; do
  printf '\033[3%dm%s\033[0m\r\n' 2 "naïve $word →"; sleep 0.1
done
"""
INSTALLS = TALKS + (
    'program="$(dirname "$python")/${wanted%%==*}"; cp "$HOME/.server" "$program"\n'
    'chmod 700 "$program"; echo "Installed 1 package"\n'
)


@pytest.fixture(scope="module")
def someone() -> Iterator[Account]:
    with account() as made:
        yield made


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def host(stack: LiveStack, sshd: Sshd, someone: Account) -> str:
    """The id of a host that was confirmed and tested."""
    give_uv(someone)
    with stack.client("ann") as ann:
        body = {"name": "runs", "hostname": "127.0.0.1", "port": sshd.port}
        body |= {"username": someone.name, "auth": {"privateKey": sshd.key}}
        made: str = ann.post(f"{URL}/hosts", json=body).raise_for_status().json()["hostId"]
        shown = ann.post(f"{URL}/hosts/{made}/test").json()
        trust = {"fingerprint": shown["fingerprint"]}
        ann.post(f"{URL}/hosts/{made}/trust", json=trust).raise_for_status()
        assert ann.post(f"{URL}/hosts/{made}/test").json()["facts"]["uv"]["version"] == "0.9.9"
        return made


def begin(ann: httpx.Client, host: str, server: str = "time") -> str:
    wish = {"hostId": host, "server": server, "directory": f"~/mcp {time.monotonic_ns()}"}
    begun: str = ann.post(f"{URL}/installs", json=wish).raise_for_status().json()["installId"]
    return begun


def state_of(ann: httpx.Client, run: str) -> dict[str, Any]:
    found: dict[str, Any] = ann.get(f"{URL}/installs/{run}").raise_for_status().json()
    return found


def ended(ann: httpx.Client, run: str, within: float = 60) -> dict[str, Any]:
    return until(lambda: not (s := state_of(ann, run))["isActive"] and s, within) or {}


def log_of(ann: httpx.Client, run: str, after: int = 0) -> str:
    text, is_more = "", True
    while is_more:
        found = ann.get(f"{URL}/installs/{run}/log", params={"after": after}).json()
        text += "".join(piece["text"] for piece in found["pieces"])
        after, is_more = found["end"], found["isMore"]
    return text


def heard(tab: Tab, run: str) -> list[dict[str, Any]]:
    """What a tab is told of a run, until its end."""
    told = []
    while not (told and told[-1].get("terminal")):
        frame = tab.next(60)
        if frame.get("installId") == run:
            told.append(frame)
    return told


def test_a_run_is_heard_live_and_read_late(
    stack: LiveStack, ann: httpx.Client, host: str, someone: Account
) -> None:
    give_uv(someone, INSTALLS)
    with stack.client("bob") as bob:
        tab, others = Tab(stack, ann).resume(), Tab(stack, bob).resume()
        assert tab.next()["type"] == others.next()["type"] == "resumed"
        run = begin(ann, host)
        told = heard(tab, run)
        others.say(type="ping")
        assert others.next()["type"] == "pong", "bob hears nothing of it"
        assert bob.get(f"{URL}/installs/{run}/log").status_code == 404
    stages = list(dict.fromkeys(event["stage"] for event in told))
    assert stages == ["CONNECTING", "PREPARING", "EXECUTING", "VERIFYING", "COMPLETE"]
    at = 0
    for event in told:
        if "output" in event:
            assert event["outputOffset"] == at
            at += len(event["output"])
    live = "".join(event.get("output", "") for event in told)
    assert "\x1b[32mnaïve eight →\x1b[0m" in live
    assert len([event for event in told if "naïve" in event.get("output", "")]) >= 4, "as it came"
    assert log_of(ann, run) == live


def test_who_comes_in_the_middle_has_all_of_it_once(
    stack: LiveStack, ann: httpx.Client, host: str, someone: Account
) -> None:
    give_uv(someone, INSTALLS)
    run = begin(ann, host)
    until(lambda: "naïve three" in log_of(ann, run))
    cursor = ann.get("/api/realtime/snapshot").json()["asOf"]
    text = log_of(ann, run)
    tab = Tab(stack, ann).resume(cursor)
    for event in heard(tab, run):
        if "output" in event:
            assert event["outputOffset"] <= len(text), "the log has all that was told before"
            text += event["output"][max(0, len(text) - event["outputOffset"]) :]
    assert text == log_of(ann, run)
    assert text.count("naïve eight") == 1


def test_cancel_ends_all_of_it_within_two_seconds(
    ann: httpx.Client, host: str, someone: Account
) -> None:
    give_uv(someone, STUBBORN)
    run = begin(ann, host)
    until(lambda: "working on it" in log_of(ann, run))
    began = time.monotonic()
    ann.post(f"{URL}/installs/{run}/cancel").raise_for_status()
    until(lambda: not processes_of(run), within=10, every=0.02)
    assert time.monotonic() - began < 2
    assert ended(ann, run)["stage"] == "CANCELLED"


def test_a_killed_worker_s_run_is_taken_up_again_and_completes(
    stack: LiveStack, ann: httpx.Client, host: str, someone: Account
) -> None:
    give_uv(someone, STUBBORN)
    run = begin(ann, host)
    until(lambda: "working on it" in log_of(ann, run))
    left = processes_of(run)
    for process in stack.processes("--queues=ssh"):
        process.send_signal(signal.SIGKILL)
    give_uv(someone, INSTALLS)
    state = ended(ann, run)
    assert (state["stage"], state["attempt"]) == ("COMPLETE", 2), state["message"]
    assert not [pid for pid in left if is_running(pid)], "of the first attempt nothing is left"
    said = log_of(ann, run)
    assert said.index("working on it") < said.index("naïve one")


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_terminal_installs_too(
    stack: LiveStack, ann: httpx.Client, host: str, someone: Account
) -> None:
    give_uv(someone, INSTALLS)
    done = stack.manage(
        "installmcp", "fetch", "--host", "runs", "--directory", "~/from terminal", "--owner", "ann"
    )
    assert done.returncode == 0, done.stderr
    assert "naïve eight" in done.stdout
    assert done.stdout.endswith("is ready: 1 tool\n")
    give_uv(someone, "echo 'error: nothing there'; exit 1")
    done = stack.manage(
        "installmcp", "git", "--host", "runs", "--directory", "~/from terminal", "--owner", "ann"
    )
    assert done.returncode == 1
    assert "The package could not be installed: error: nothing there" in done.stderr
