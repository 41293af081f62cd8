"""Installed servers over HTTP, on a real host, as ann, as bob and as a stranger."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from demo.stack import free_port
from mcp_install import warm
from mcp_install.models import Installation, McpServer, SshHost, State
from mcp_install.provider import InstalledServers
from mcp_install.troubles import Trouble
from realtime import background
from tests.documents.test_api import signed_in
from tests.mcp_install.installed import built, host_of, installed
from tests.mcp_install.programs import modern, myself
from tests.sshd import Account, Sshd
from tests.stack import until

URL = "/api/mcp/servers"


@pytest.fixture(scope="module")
def me() -> Iterator[Account]:
    with myself() as account:
        yield account


@pytest.fixture
def host(ann: User, sshd: Sshd, me: Account) -> SshHost:
    return host_of(ann, sshd, me)


@pytest.fixture
def server(ann: User, host: SshHost, me: Account) -> McpServer:
    return installed(ann, host, me, modern())


@pytest.fixture
def mine(ann: User) -> Client:
    return signed_in(ann)


def post(client: Client, server: McpServer, path: str, body: Any = None) -> Any:
    where = f"{URL}/{server.pk}{path}"
    return client.post(where, json.dumps(body or {}), content_type="application/json")


def tried(client: Client, server: McpServer, name: str, /, **arguments: Any) -> Any:
    return post(client, server, f"/tools/{name}", {"arguments": arguments})


def refused(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["code"]


def processes(server: McpServer) -> list[int]:
    """Those of the server on the "remote" host."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            mark = f"MCP_SERVER_ID={server.pk}".encode()
            if entry.name.isdecimal() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


# --- Looking ------------------------------------------------------------------------------------
def test_a_server_tells_all_of_itself(mine: Client, server: McpServer, me: Account) -> None:
    (listed,) = mine.get(URL).json()["servers"]
    assert (listed["title"], listed["state"], listed["version"]) == ("Sums", "READY", "1.0")
    assert (listed["hostName"], listed["toolCount"]) == ("box", 7)
    assert (listed["error"], listed["running"], listed["previousVersion"]) == (None, None, None)
    whole = mine.get(f"{URL}/{server.pk}").json()
    assert whole.items() >= listed.items()
    assert whole["tools"][0]["inputSchema"]["required"] == ["a", "b"]
    (build,) = whole["builds"]
    assert build["use"] == "active"
    assert build["folder"].startswith(f"{server.directory}/sums/versions/1.0-")
    assert whole["runs"][0]["stage"] == "COMPLETE"


def test_what_is_not_there_is_not_listed(mine: Client, server: McpServer) -> None:
    for state in (State.NOT_INSTALLED, State.REMOVED):
        McpServer.objects.update(state=state)
        assert mine.get(URL).json()["servers"] == []
        assert mine.get(f"{URL}/{server.pk}").json()["state"] == state


def test_nobody_else_sees_or_does_anything(server: McpServer, bob: User, worker: None) -> None:
    other = signed_in(bob)
    path = f"{URL}/{server.pk}"
    assert other.get(URL).json()["servers"] == []
    answers = [other.get(path), other.delete(path), other.delete(f"{path}?forget=true")]
    answers += [post(other, server, f"/{what}") for what in ("check", "rollback", "upgrade")]
    answers += [tried(other, server, "add", a=1, b=2)]
    assert [answer.status_code for answer in answers] == [404] * 7
    assert Installation.objects.count() == 1
    assert InstalledServers().servers(bob.pk) == []
    stranger = Client()
    assert stranger.get(URL).status_code == 401
    assert tried(stranger, server, "add", a=1, b=2).status_code == 401


# --- Trying a tool ------------------------------------------------------------------------------
def test_a_tool_is_tried_and_its_server_stays(
    mine: Client, server: McpServer, worker: None
) -> None:
    first = tried(mine, server, "add", a=1, b=2)
    assert first.status_code == 200, first.json()
    found = first.json()
    assert (found["text"], found["isError"], found["isShortened"]) == ("3", False, False)
    (process,) = processes(server)
    assert tried(mine, server, "add", a=20, b=22).json()["text"] == "42"
    assert processes(server) == [process]


@pytest.mark.parametrize(
    ("arguments", "where", "words"),
    [
        ({"a": 1}, "arguments", "b: needed"),
        ({"a": "one", "b": 2}, "a", "of type integer"),
        ({"a": None, "b": 2.5}, "b", "of type integer"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_words(
    mine: Client, server: McpServer, arguments: Any, where: str, words: str
) -> None:
    answer = tried(mine, server, "add", **arguments)
    assert refused(answer) == (422, "bad_arguments")
    assert words in answer.json()["errors"][where][0]


def test_a_tool_that_is_not_there_is_told(mine: Client, server: McpServer) -> None:
    assert refused(tried(mine, server, "fly")) == (404, "no_such_tool")
    McpServer.objects.update(state=State.REMOVED)
    assert refused(tried(mine, server, "add", a=1, b=2)) == (409, "not_installed")


def test_what_a_tool_gives_is_masked_and_bounded(
    mine: Client, ann: User, host: SshHost, me: Account, worker: None
) -> None:
    server = installed(ann, host, me, modern(), secrets={"TOKEN": "s3cret-s3cret"})
    answer = tried(mine, server, "environment", name="TOKEN").json()
    assert answer["text"] == "••••"
    assert "s3cret" not in json.dumps(answer)
    big = tried(mine, server, "big", characters=100_000).json()
    assert (len(big["text"]), big["isShortened"]) == (64 * 1024, True)


def test_what_a_tool_says_went_wrong_is_a_result(
    mine: Client, server: McpServer, worker: None
) -> None:
    failed = tried(mine, server, "fail").json()
    assert failed["isError"]
    assert "no disk is left" in failed["text"]
    assert processes(server)


def test_a_server_that_dies_is_told_and_started_anew(
    mine: Client, server: McpServer, worker: None
) -> None:
    assert tried(mine, server, "add", a=1, b=2).json()["text"] == "3"
    answer = tried(mine, server, "die")
    assert refused(answer) == (502, "server_gone")
    assert "I was asked to" in answer.json()["detail"]
    assert tried(mine, server, "add", a=1, b=2).json()["text"] == "3"


def test_no_call_after_a_death_meets_the_dead(
    ann: User, server: McpServer, transactional_db: None
) -> None:
    async def story() -> bool:
        with pytest.raises(Trouble, match="asked to"):
            await warm.call(ann.pk, str(server.pk), "die", {}, 60)
        there = warm._kept.get(server.pk)
        return there is not None and there.serves(there._mark)

    assert not background.run(story())


def test_a_server_that_was_killed_meanwhile_is_started_anew(
    mine: Client, server: McpServer, me: Account, worker: None
) -> None:
    assert tried(mine, server, "add", a=1, b=2).json()["text"] == "3"
    (process,) = processes(server)
    me.run(f"kill -9 {process}")
    until(lambda: server.pk not in warm._kept)
    assert tried(mine, server, "add", a=2, b=2).json()["text"] == "4"
    assert processes(server) not in ([], [process])


def test_a_tool_that_takes_too_long_is_given_up(
    mine: Client, server: McpServer, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tried(mine, server, "add", a=1, b=2).status_code == 200
    monkeypatch.setattr("mcp_install.look.CALL_SECONDS", 0.5)
    assert refused(tried(mine, server, "slow", seconds=60)) == (504, "tool_timeout")
    assert tried(mine, server, "add", a=1, b=2).json()["text"] == "3"


def test_a_server_on_a_port_is_tried_through_the_connection(
    mine: Client, ann: User, host: SshHost, me: Account, worker: None
) -> None:
    port = free_port()
    transport = {"type": "streamable-http", "url": f"http://127.0.0.1:{port}/mcp"}
    server = installed(ann, host, me, modern(port=port), transport=transport)
    assert tried(mine, server, "add", a=1, b=2).json()["text"] == "3"
    assert tried(mine, server, "add", a=2, b=2).json()["text"] == "4"
    (process,) = processes(server)
    me.run(f"kill -9 {process}")
    until(lambda: server.pk not in warm._kept)
    assert tried(mine, server, "add", a=3, b=2).json()["text"] == "5"
    assert refused(tried(mine, server, "die"))[1] == "server_gone"


def test_another_build_or_host_is_another_process_and_the_old_one_goes(
    mine: Client, server: McpServer, me: Account, worker: None
) -> None:
    assert tried(mine, server, "add", a=1, b=2).status_code == 200
    (old,) = processes(server)
    server.active = built(server, me, modern("2.0"), "2.0")
    server.save()
    assert tried(mine, server, "add", a=1, b=2).status_code == 200
    until(lambda: len(processes(server)) == 1)
    assert processes(server) != [old]


def test_nothing_stays_of_a_server_that_nobody_uses(
    mine: Client, server: McpServer, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "KEPT_SECONDS", 0.3)
    assert tried(mine, server, "add", a=1, b=2).status_code == 200
    until(lambda: not processes(server))
    until(lambda: server.pk not in warm._kept)
