"""A server of a registry in the whole product: installed, tried, used in a conversation, upgraded,
rolled back, uninstalled."""

from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.model_server import KEY, running
from tests.sshd import Account, Sshd, account
from tests.sshd import running as sshd_running
from tests.stack import LiveStack, command_of, until

URL = "/api/mcp"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def someone() -> Iterator[Account]:
    with account() as made:
        yield made


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with sshd_running() as server:
        yield server


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """With a language model that does as it is told."""
    with running() as model:
        stack = LiveStack(
            tmp_path_factory.mktemp("servers") / "var",
            LLM_BASE_URL=model.url,
            LLM_API_KEY=KEY,
            LLM_MODEL="small",
        )
        try:
            stack.make_users()
            yield stack
        finally:
            stack.stop()


@pytest.fixture(scope="module")
def ann(stack: LiveStack) -> Iterator[httpx.Client]:
    with stack.client("ann") as client:
        client.timeout = httpx.Timeout(60)
        yield client


@pytest.fixture(scope="module")
def server(ann: httpx.Client, sshd: Sshd, someone: Account) -> dict[str, Any]:
    """The server of times, installed into a new host's ~/mcp."""
    body = {"name": "box", "hostname": "127.0.0.1", "port": sshd.port}
    body |= {"username": someone.name, "auth": {"privateKey": sshd.key}}
    host = f"{URL}/hosts/{done(ann.post(f'{URL}/hosts', json=body))['hostId']}"
    shown = done(ann.post(f"{host}/test"))
    done(ann.post(f"{host}/trust", json={"fingerprint": shown["fingerprint"]}))
    done(ann.post(f"{host}/test"))
    wish = {"hostId": host.rpartition("/")[2], "server": "time", "directory": "~/mcp"}
    ended(ann, done(ann.post(f"{URL}/installs", json=wish)))
    (found,) = done(ann.get(f"{URL}/servers"))["servers"]
    assert (found["title"], found["state"]) == ("Time", "READY")
    return dict(found)


def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def serving(someone: Account) -> set[int]:
    """The processes of a server of times that are theirs."""
    mine = [p for p in psutil.process_iter(["username"]) if p.info["username"] == someone.name]
    return {p.pid for p in mine if "mcp-server-time" in command_of(p)}


def ended(ann: httpx.Client, begun: dict[str, Any]) -> dict[str, Any]:
    """The run, once it is complete."""
    path = f"{URL}/installs/{begun['installId']}"
    run: dict[str, Any] = {}

    def is_over() -> bool:
        run.update(done(ann.get(path)))
        return not run["isActive"]

    until(is_over, within=200, every=0.2)
    assert run["stage"] == "COMPLETE", run
    return run


def test_a_tool_is_tried_by_a_worker_and_its_server_is_kept(
    stack: LiveStack, ann: httpx.Client, server: dict[str, Any], sshd: Sshd, someone: Account
) -> None:
    path = f"{URL}/servers/{server['serverId']}/tools/get_current_time"
    first = done(ann.post(path, json={"arguments": {"timezone": "UTC"}}))
    assert '"timezone": "UTC"' in first["text"]
    there = serving(someone)
    assert there
    assert not done(ann.post(path, json={"arguments": {"timezone": "UTC"}}))["isError"]
    assert serving(someone) == there
    (web,) = stack.processes("demo.web")
    assert sshd.port not in {line.raddr.port for line in web.net_connections() if line.raddr}
    wrong = ann.post(path, json={"arguments": {}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_arguments")


def test_it_is_used_in_a_conversation_once_that_is_allowed(
    stack: LiveStack, ann: httpx.Client, server: dict[str, Any]
) -> None:
    assert "Time" in ann.get("/chat/").text
    session = f"/api/chat/sessions/{done(ann.post('/api/chat/sessions'))['sessionId']}"
    done(ann.patch(session, json={"mcpServerIds": [server["serverId"]]}))
    words = {"content": 'Use get_current_time {"timezone": "UTC"}'}
    reply = done(ann.post(f"{session}/messages", json=words))["replyId"]

    def call() -> dict[str, Any]:
        calls = done(ann.get(f"/api/chat/messages/{reply}"))["toolCalls"]
        return calls[0] if calls else {"status": ""}

    until(lambda: call()["status"] == "awaiting_approval")
    assert (call()["serverName"], call()["name"]) == ("Time", "get_current_time")
    card = ann.get(f"/chat/{session.rpartition('/')[2]}/").text
    assert "Allow once" in card
    done(ann.post(f"/api/chat/tool-calls/{call()['callId']}", json={"decision": "approve"}))
    until(lambda: call()["status"] == "done")
    assert '"timezone": "UTC"' in call()["result"]
    until(lambda: done(ann.get(f"/api/chat/messages/{reply}"))["status"] == "COMPLETE")


def test_nobody_else_has_it(stack: LiveStack, server: dict[str, Any]) -> None:
    with stack.client("bob") as bob:
        path = f"{URL}/servers/{server['serverId']}"
        assert bob.get(path).status_code == 404
        assert bob.post(f"{path}/tools/get_current_time", json={}).status_code == 404
        assert bob.delete(path).status_code == 404
        assert "Time" not in bob.get("/chat/").text


def test_it_is_upgraded_checked_rolled_back_and_uninstalled(
    ann: httpx.Client, server: dict[str, Any], someone: Account
) -> None:
    path = f"{URL}/servers/{server['serverId']}"
    change = {"arguments": {"--local-timezone": "Europe/Paris"}}
    plan = done(ann.post(f"{path}/upgrade", json=change | {"dryRun": True}))
    assert (plan["action"], plan["version"]) == ("upgrade", server["version"])
    begun = ann.post(f"{path}/upgrade", json=change | {"planHash": plan["planHash"]})
    ended(ann, done(begun))
    found = done(ann.get(path))
    assert [build["use"] for build in found["builds"]] == ["active", "previous"]
    again = done(ann.post(f"{path}/upgrade", json={"dryRun": True}))
    assert again["arguments"] == ["--local-timezone", "Europe/Paris"], "it is as it was"
    assert ended(ann, done(ann.post(f"{path}/check")))["action"] == "verify"
    ended(ann, done(ann.post(f"{path}/rollback")))
    builds = {build["use"]: build["build"] for build in done(ann.get(path))["builds"]}
    assert builds["active"] == found["builds"][1]["build"]
    current = someone.run("readlink ~/mcp/server-time/current").strip()
    assert current == f"versions/{builds['active']}"
    ended(ann, done(ann.delete(path)))
    assert someone.run("ls -A ~/mcp") == ""
    assert done(ann.get(f"{URL}/servers"))["servers"] == []
    assert serving(someone) == set()
