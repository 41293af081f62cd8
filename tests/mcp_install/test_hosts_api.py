"""Hosts and their folders over HTTP, as ann, as bob and as a stranger."""

import json
import logging
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from mcp_install import ask_worker, limits, seal
from mcp_install.models import McpServer, SshHost, State
from tests.documents.test_api import signed_in
from tests.mcp_install.conftest import HostOf, new_host
from tests.sshd import PASSWORD, Account, Sshd, only_root, running

Events = Callable[[User], list[dict[str, Any]]]
URL = "/api/mcp/hosts"


@pytest.fixture
def mine(ann: User) -> Client:
    return signed_in(ann)


def post(client: Client, path: str, body: Any = None, method: str = "post") -> Any:
    send = getattr(client, method)
    return send(f"{URL}{path}", json.dumps(body or {}), content_type="application/json")


def added(client: Client, sshd: Sshd, someone: Account, **more: Any) -> str:
    answer = post(client, "", new_host(sshd, someone, **more))
    assert answer.status_code == 201, answer.json()
    return f"/{answer.json()['hostId']}"


def trusted(client: Client, sshd: Sshd, someone: Account, **more: Any) -> str:
    path = added(client, sshd, someone, **more)
    shown = post(client, f"{path}/test").json()
    assert post(client, f"{path}/trust", {"fingerprint": shown["fingerprint"]}).status_code == 200
    return path


def refused(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["code"]


# --- Adding -------------------------------------------------------------------------------------
def test_what_lets_in_goes_in_and_never_comes_out(
    mine: Client, ann: User, sshd: Sshd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "open sesame, nobody knows"
    body = {"name": "box", "hostname": "192.0.2.7", "username": "me", "auth": {"password": secret}}
    answers = [
        post(mine, "", body),
        post(mine, "", body),  # the name is taken
        post(mine, "", body | {"name": "", "hostname": secret}),
        post(mine, "", body | {"auth": {"privateKey": secret, "passphrase": secret}}),
        post(mine, "", body | {"auth": {"password": [secret]}}),
        mine.get(URL),
        mine.get(f"{URL}/{SshHost.objects.get().pk}"),
    ]
    assert [answer.status_code for answer in answers] == [201, 422, 422, 422, 422, 200, 200]
    said = " ".join(answer.content.decode() for answer in answers)
    for text in (said, caplog.text, repr(SshHost.objects.values())):
        assert "sesame" not in text
    assert "assword" not in json.dumps(answers[0].json()).replace('"password"', "")
    assert seal.take(SshHost.objects.get(), "password").get_secret_value() == secret


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"name": " "}, "bad_host", "name"),
        ({"hostname": "me@box"}, "bad_host", "hostname"),
        ({"hostname": "-oProxyCommand=x"}, "bad_host", "hostname"),
        ({"hostname": "box:22"}, "bad_host", "hostname"),
        ({"port": 0}, "bad_host", "port"),
        ({"port": 70000}, "bad_host", "port"),
        ({"username": "-l root"}, "bad_host", "username"),
        ({"username": ""}, "bad_host", "username"),
        ({"auth": {}}, "bad_host", "auth"),
        ({"auth": {"password": "x", "ask": True}}, "bad_host", "auth"),
        ({"auth": {"password": ""}}, "bad_password", "password"),
        ({"auth": {"password": "x", "passphrase": "y"}}, "bad_host", "passphrase"),
        ({"auth": {"privateKey": "ssh-ed25519 AAAA"}}, "bad_key", "privateKey"),
    ],
)  # fmt: skip
def test_a_host_that_cannot_be_is_refused_with_the_field(
    mine: Client, sshd: Sshd, someone: Account, wrong: dict[str, Any], code: str, field: str
) -> None:
    answer = post(mine, "", new_host(sshd, someone) | wrong)
    assert refused(answer) == (422, code)
    assert list(answer.json()["errors"]) == [field]
    assert not SshHost.objects.exists()


# --- Confirming ---------------------------------------------------------------------------------
def test_a_host_is_tested_compared_confirmed_and_then_signed_in_to(
    worker: None, mine: Client, sshd: Sshd, someone: Account
) -> None:
    path = added(mine, sshd, someone)
    assert mine.get(f"{URL}{path}").json()["status"] == "NEW"
    shown = post(mine, f"{path}/test").json()
    assert (shown["fingerprint"], shown["trusted"]) == (sshd.fingerprint("ed25519"), False)
    assert (shown["keyType"], shown["facts"]) == ("ED25519", None)
    assert shown["compareWith"] == "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
    assert shown["host"]["status"] == "UNCONFIRMED"
    wrong = post(mine, f"{path}/trust", {"fingerprint": "SHA256:" + "A" * 43})
    assert refused(wrong) == (409, "fingerprint_differs")
    confirmed = post(mine, f"{path}/trust", {"fingerprint": shown["fingerprint"]}).json()
    assert (confirmed["trusted"], confirmed["status"]) == (True, "UNTESTED")
    found = post(mine, f"{path}/test").json()
    assert found["trusted"]
    assert found["latencyMs"] > 0
    assert found["facts"]["user"] == someone.name
    assert found["facts"]["freeMb"] > 0
    assert found["facts"]["python"]["version"].startswith("3.")
    assert found["host"]["status"] == "READY"
    [listed] = mine.get(URL).json()["hosts"]
    assert listed == found["host"]


def test_all_tabs_of_its_owner_are_told_of_a_host(
    worker: None,
    mine: Client,
    ann: User,
    bob: User,
    sshd: Sshd,
    someone: Account,
    events_of: Events,
) -> None:
    def told() -> list[tuple[str, str]]:
        return [(event["type"], event["status"]) for event in events_of(ann)]

    path = trusted(mine, sshd, someone)
    assert told() == [("mcp_host", "CREATED"), *[("mcp_host", "CHANGED")] * 2]
    post(mine, f"{path}/test")
    post(mine, path, {"name": "another"}, method="patch")
    assert told()[3:] == [("mcp_host", "CHANGED")] * 2
    assert post(mine, path, {"name": ""}, method="patch").status_code == 422
    mine.delete(f"{URL}{path}")
    assert told()[5:] == [("mcp_host", "DELETED")]
    assert {event["hostId"] for event in events_of(ann)} == {path[1:]}
    assert events_of(bob) == []


def test_nothing_is_done_on_a_host_that_is_not_confirmed(
    worker: None, mine: Client, sshd: Sshd, someone: Account
) -> None:
    path = added(mine, sshd, someone)
    assert refused(mine.get(f"{URL}{path}/files")) == (409, "host_key_unknown")
    assert refused(post(mine, f"{path}/trust", {"fingerprint": "SHA256:x"})) == (
        409, "host_not_tested",
    )  # fmt: skip


def test_a_changed_key_stops_everything_until_its_owner_confirms_it(
    worker: None, mine: Client, someone: Account
) -> None:
    with running() as server:
        path, old = trusted(mine, server, someone), server.fingerprint()
        server.new_host_key()
        new = server.fingerprint()
        answer = post(mine, f"{path}/test")
        assert refused(answer) == (409, "host_key_changed")
        told = answer.json()
        assert (told["confirmedFingerprint"], told["fingerprint"]) == (old, new)
        assert "nothing was sent" in told["detail"]
        assert refused(mine.get(f"{URL}{path}/files")) == (409, "host_key_changed")
        host = mine.get(f"{URL}{path}").json()
        assert (host["status"], host["fingerprint"]) == ("KEY_CHANGED", old)
        assert host["offeredFingerprint"] == new
        for password in (None, "wrong"):
            confirm = {"fingerprint": new, "password": password}
            assert refused(post(mine, f"{path}/trust", confirm)) == (403, "password_needed")
        confirm = {"fingerprint": new, "password": "secret"}
        assert post(mine, f"{path}/trust", confirm).json()["fingerprint"] == new
        assert post(mine, f"{path}/test").json()["trusted"]


# --- Asking each time ---------------------------------------------------------------------------
@only_root
def test_a_host_that_asks_each_time_keeps_nothing(
    worker: None, mine: Client, sshd: Sshd, someone: Account
) -> None:
    path = trusted(mine, sshd, someone, auth={"ask": True})
    assert refused(post(mine, f"{path}/test")) == (409, "credentials_needed")
    assert mine.get(f"{URL}{path}").json()["needsAuth"]
    assert post(mine, f"{path}/test", {"auth": {"password": PASSWORD}}).json()["trusted"]
    assert not mine.get(f"{URL}{path}").json()["needsAuth"]
    assert mine.get(f"{URL}{path}/files").status_code == 200  # for ten minutes
    row = SshHost.objects.get()
    assert not bytes(row.password)
    assert not bytes(row.private_key)


def test_a_host_that_keeps_its_key_is_not_given_another_by_the_way(
    mine: Client, sshd: Sshd, someone: Account
) -> None:
    path = added(mine, sshd, someone)
    assert refused(post(mine, f"{path}/test", {"auth": {"password": "x"}})) == (422, "bad_host")


# --- Changing and removing ----------------------------------------------------------------------
def test_a_host_at_another_place_is_confirmed_anew(
    worker: None, mine: Client, sshd: Sshd, someone: Account
) -> None:
    path = trusted(mine, sshd, someone)
    renamed = post(mine, path, {"name": "bigger box"}, "patch").json()
    assert (renamed["name"], renamed["trusted"]) == ("bigger box", True)
    moved = post(mine, path, {"hostname": "localhost"}, "patch").json()
    assert (moved["trusted"], moved["status"]) == (False, "NEW")
    assert refused(post(mine, path, {"port": -1}, "patch")) == (422, "bad_host")
    changed = post(mine, path, {"auth": {"password": "other"}}, "patch").json()
    assert changed["authMethod"] == "password"
    assert not bytes(SshHost.objects.get().private_key)


def test_a_host_behind_another_is_reached_and_the_other_stays(
    worker: None, mine: Client, sshd: Sshd, someone: Account
) -> None:
    gate = trusted(mine, sshd, someone, name="gate")
    path = trusted(mine, sshd, someone, name="inner", jumpHostId=gate[1:])
    assert post(mine, f"{path}/test").json()["facts"]["user"] == someone.name
    assert refused(mine.delete(f"{URL}{gate}")) == (409, "host_in_use")
    third = added(mine, sshd, someone, name="third", jumpHostId=path[1:])
    body = new_host(sshd, someone, name="fourth", jumpHostId=third[1:])
    assert refused(post(mine, "", body)) == (422, "bad_host")
    for jump in (third, gate):  # in a circle
        answer = post(mine, gate, {"jumpHostId": jump[1:]}, "patch")
        assert refused(answer) == (422, "bad_host")
    assert post(mine, path, {"jumpHostId": None}, "patch").json()["jumpHostId"] is None
    assert mine.delete(f"{URL}{gate}").status_code == 204


def test_a_host_with_servers_on_it_is_not_forgotten(
    ann: User, mine: Client, host_of: HostOf
) -> None:
    host = host_of(ann)
    server = McpServer.objects.create(
        owner=ann, host=host, name="x/y", directory="/x", slug="y", state=State.READY
    )
    assert refused(mine.delete(f"{URL}/{host.pk}")) == (409, "host_in_use")
    McpServer.objects.filter(pk=server.pk).update(state=State.REMOVED)
    assert mine.delete(f"{URL}/{host.pk}").status_code == 204


# --- Folders ------------------------------------------------------------------------------------
def test_folders_are_listed_and_made(
    worker: None, mine: Client, sshd: Sshd, someone: Account
) -> None:
    path = trusted(mine, sshd, someone)
    home = mine.get(f"{URL}{path}/files").json()
    assert home["path"] == str(someone.home)
    made = post(mine, f"{path}/directories", {"token": home["token"], "name": "my servers"})
    assert made.status_code == 201
    assert made.json()["path"] == f"{someone.home}/my servers"
    again = post(mine, f"{path}/directories", {"path": "~/my servers"})
    assert refused(again) == (409, "already_exists")
    inside = mine.get(f"{URL}{path}/files", {"token": made.json()["token"]}).json()
    assert (inside["entries"], inside["parent"]) == ([], home["token"])
    page = mine.get(f"{URL}{path}/files", {"path": "/usr/bin", "limit": 3}).json()
    assert (len(page["entries"]), page["next"]) == (3, 3)
    assert refused(mine.get(f"{URL}{path}/files", {"path": "/root/x"})) == (
        403,
        "permission_denied",
    )
    assert refused(mine.get(f"{URL}{path}/files", {"path": "x"})) == (422, "path_not_absolute")
    someone.run("rmdir 'my servers'")


# --- Others, and limits -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""), ("patch", ""), ("delete", ""), ("post", "/test"), ("post", "/trust"),
        ("get", "/files"), ("post", "/directories"),
    ],
)  # fmt: skip
def test_bob_and_a_stranger_reach_nothing(
    ann: User, bob: User, host_of: HostOf, method: str, path: str
) -> None:
    url = f"{URL}/{host_of(ann).pk}{path}"
    body = json.dumps({"fingerprint": "x"})
    for client, statuses in ((signed_in(bob), {404}), (Client(), {401, 403})):
        send = getattr(client, method)
        sent = send(url) if method == "get" else send(url, body, content_type="application/json")
        assert sent.status_code in statuses
    assert SshHost.objects.filter(name="box").exists()


def test_bob_neither_sees_nor_jumps_over_ann_s_host(
    ann: User, bob: User, host_of: HostOf, sshd: Sshd, someone: Account
) -> None:
    host = host_of(ann)
    assert signed_in(bob).get(URL).json() == {"hosts": [], "next": None}
    body = new_host(sshd, someone, jumpHostId=str(host.pk))
    assert post(signed_in(bob), "", body).status_code == 404
    assert post(signed_in(bob), "", new_host(sshd, someone)).status_code == 201  # the same name
    assert mine_of(ann) == ["box"]


def mine_of(user: User) -> list[str]:
    return [host["name"] for host in signed_in(user).get(URL).json()["hosts"]]


def test_tests_are_limited_for_each_person(
    ann: User, bob: User, mine: Client, host_of: HostOf, valkey: Any, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(ask_worker, "WAIT", 1)
    monkeypatch.setitem(limits.MOST, "test", 1)
    host, other = host_of(ann), host_of(bob)
    assert refused(post(mine, f"/{host.pk}/test")) == (503, "workers_away")
    answer = post(mine, f"/{host.pk}/test")
    assert refused(answer) == (429, "rate_limited")
    assert 0 < answer.json()["retryAfterSeconds"] <= 60
    assert refused(post(signed_in(bob), f"/{other.pk}/test")) == (503, "workers_away")


def test_an_unknown_host_is_not_found(mine: Client) -> None:
    assert mine.get(f"{URL}/{uuid.uuid4()}").status_code == 404
