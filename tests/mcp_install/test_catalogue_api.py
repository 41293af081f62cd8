"""The catalogue and plans over HTTP, as ann, as bob and as a stranger."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from mcp_install import catalogue, seal
from mcp_install.models import Installation, McpServer, SshHost, State
from realtime import jobs
from tests.documents.test_api import signed_in
from tests.mcp_install.conftest import HostOf, new_host
from tests.mcp_install.test_plan import HOST, env, file
from tests.sshd import Account, Sshd

URL = "/api/mcp"
Events = Callable[[User], list[dict[str, Any]]]


@pytest.fixture
def mine(ann: User) -> Client:
    catalogue.load_shipped()
    return signed_in(ann)


@pytest.fixture
def host(ann: User, host_of: HostOf) -> SshHost:
    """One that was confirmed and tested."""
    return host_of(ann, host_key="ssh-ed25519 AAAA", facts=HOST.as_json())


def post(client: Client, path: str, body: Any, **headers: Any) -> Any:
    content = json.dumps(body)
    return client.post(f"{URL}{path}", content, content_type="application/json", **headers)


def wish(host: SshHost, **more: Any) -> dict[str, Any]:
    return {"hostId": str(host.pk), "server": "time", "directory": "~/mcp"} | more


def refused(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["code"]


def test_the_catalogue_is_searched_and_paged(mine: Client) -> None:
    first = mine.get(f"{URL}/catalogue", {"limit": 4}).json()
    rest = mine.get(f"{URL}/catalogue", {"limit": 4, "cursor": first["next"]}).json()
    assert (len(first["servers"]), len(rest["servers"]), rest["next"]) == (4, 2, None)
    assert all(entry["isInstallable"] for entry in first["servers"] + rest["servers"])
    [found] = mine.get(f"{URL}/catalogue", {"q": "time zones"}).json()["servers"]
    detail = mine.get(f"{URL}/catalogue/{found['entryId']}").json()
    assert detail["serverJson"]["packages"][0]["identifier"] == "mcp-server-time"
    [asked] = detail["inputs"]
    assert (asked["place"], asked["key"]) == ("argument", "--local-timezone")
    assert (asked["isRequired"], asked["isSecret"], asked["isRepeated"]) == (False, False, False)
    assert mine.get(f"{URL}/catalogue", {"source": "registry"}).json()["servers"] == []


def test_a_server_json_is_pasted_and_taken_out(mine: Client, bob: User) -> None:
    for pasted in (file(), json.dumps(file())):
        made = post(mine, "/catalogue", {"serverJson": pasted})
        assert made.status_code == 201, made.json()
    url = f"{URL}/catalogue/{made.json()['entryId']}"
    assert made.json()["source"] == "import"
    assert signed_in(bob).get(url).status_code == 404
    assert signed_in(bob).delete(url).status_code == 404
    assert mine.delete(url).status_code == 204
    assert mine.get(url).status_code == 404
    [shipped, *_] = mine.get(f"{URL}/catalogue").json()["servers"]
    assert mine.delete(f"{URL}/catalogue/{shipped['entryId']}").status_code == 404


def test_what_is_no_server_json_is_refused_by_field(mine: Client) -> None:
    answer = post(mine, "/catalogue", {"serverJson": {"version": "1"}})
    assert refused(answer) == (422, "bad_server_json")
    assert answer.json()["errors"] == {"name": ["Field required"]}
    answer = post(mine, "/catalogue", {"serverJson": "{"})
    assert refused(answer) == (422, "bad_server_json")


def test_what_cannot_be_installed_says_why(mine: Client) -> None:
    pasted = file(packages=[{"registryType": "oci", "identifier": "x:1"}])
    made = post(mine, "/catalogue", {"serverJson": pasted}).json()
    assert (made["isInstallable"], made["inputs"]) == (False, [])
    assert "it comes as oci" in made["reason"]


# --- Plans --------------------------------------------------------------------------------------
def test_a_dry_run_shows_the_commands_and_does_nothing(mine: Client, host: SshHost) -> None:
    answer = post(mine, "/installs", wish(host, dryRun=True))
    assert answer.status_code == 200, answer.json()
    plan = answer.json()
    assert (plan["action"], plan["kind"], plan["title"]) == ("install", "pypi-uv", "Time")
    assert plan["directory"] == "/home/me/mcp"
    commands = [step["command"] for step in plan["steps"] if step["stage"] == "EXECUTING"]
    assert commands[1].endswith("-- mcp-server-time==2026.10.19")
    assert post(mine, "/installs", wish(host, dryRun=True)).json() == plan
    assert not McpServer.objects.exists()


def test_secrets_are_asked_for_before_anything_and_shown_nowhere(
    mine: Client, host: SshHost
) -> None:
    post(mine, "/catalogue", {"serverJson": file(env(isSecret=True, isRequired=True))})
    answer = post(mine, "/installs", wish(host, server="x", dryRun=True))
    assert refused(answer) == (422, "missing_input")
    assert list(answer.json()["errors"]) == ["TOKEN_OF_X"]
    given = {"TOKEN_OF_X": "open sesame"}
    answer = post(mine, "/installs", wish(host, server="x", environment=given, dryRun=True))
    assert answer.json()["environment"] == {"TOKEN_OF_X": "••••"}
    assert "sesame" not in answer.content.decode()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"directory": "mcp"}, "path_not_absolute"),
        ({"directory": "/etc"}, "system_path"),
        ({"version": "latest"}, "bad_version"),
        ({"environment": {"LD_PRELOAD": "x"}}, "bad_env"),
        ({"arguments": {"--what": "x"}}, "unknown_input"),
    ],
)
def test_what_is_bad_is_refused_before_anything_is_done(
    mine: Client, host: SshHost, more: dict[str, Any], code: str
) -> None:
    for body in (wish(host, **more), wish(host, dryRun=True, **more)):
        assert refused(post(mine, "/installs", body)) == (422, code)
    assert not Installation.objects.exists()


def test_what_is_not_known_is_told(mine: Client, host: SshHost, ann: User, host_of: HostOf) -> None:
    assert post(mine, "/installs", wish(host, server="nothing")).status_code == 404
    assert post(mine, "/installs", wish(host) | {"hostId": str(uuid.uuid4())}).status_code == 404
    assert refused(post(mine, "/installs", wish(host_of(ann, "new")))) == (409, "host_key_unknown")


def test_a_plan_is_begun_when_it_is_still_the_one_that_was_seen(
    mine: Client, ann: User, host: SshHost, events_of: Events,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    seen = post(mine, "/installs", wish(host, dryRun=True)).json()
    other = wish(host, planHash=seen["planHash"], arguments={"--local-timezone": "UTC"})
    assert refused(post(mine, "/installs", other)) == (409, "plan_changed")
    key = {"headers": {"Idempotency-Key": "once"}}
    with django_capture_on_commit_callbacks(execute=True):
        body = wish(host, planHash=seen["planHash"])
        begun = [post(mine, "/installs", body, **key) for _ in range(2)]
    assert [answer.status_code for answer in begun] == [202, 202]
    run = Installation.objects.get()
    assert begun[0].json() == begun[1].json() == {"installId": str(run.pk)}
    assert (run.plan_hash, run.action, run.job.kind) == (seen["planHash"], "install", "mcp.install")
    assert (run.server.state, run.server.slug) == ("NOT_INSTALLED", "server-time")
    [event] = events_of(ann)
    assert (event["type"], event["installId"], event["stage"], event["progress"]) == (
        "mcp_install_progress", str(run.pk), "CONNECTING", 0,
    )  # fmt: skip
    assert refused(post(mine, "/installs", wish(host))) == (409, "busy")
    jobs.cancel(run.job)
    assert refused(post(mine, "/installs", wish(host, planHash=seen["planHash"]))) == (
        409, "plan_changed",  # as the folder of the build would be another
    )  # fmt: skip


def test_what_is_there_already_is_upgraded(mine: Client, ann: User, host: SshHost) -> None:
    McpServer.objects.create(
        owner=ann, host=host, name="io.github.modelcontextprotocol/server-time",
        directory="/home/me/mcp", slug="server-time", state=State.READY,
    )  # fmt: skip
    assert post(mine, "/installs", wish(host, dryRun=True)).json()["action"] == "upgrade"
    post(mine, "/installs", wish(host))
    assert Installation.objects.get().action == "upgrade"


def test_the_secrets_of_a_run_are_sealed(mine: Client, host: SshHost) -> None:
    post(mine, "/catalogue", {"serverJson": file(env(isSecret=True))})
    given = {"TOKEN_OF_X": "open sesame"}
    assert post(mine, "/installs", wish(host, server="x", environment=given)).status_code == 202
    run = Installation.objects.get()
    assert json.loads(seal.take(run, "secrets").get_secret_value()) == given
    assert "sesame" not in repr(Installation.objects.values())


def test_a_host_that_was_not_tested_is_tested_first(
    worker: None, ann: User, sshd: Sshd, someone: Account
) -> None:
    catalogue.load_shipped()
    mine = signed_in(ann)
    made = post(mine, "/hosts", new_host(sshd, someone)).json()
    shown = post(mine, f"/hosts/{made['hostId']}/test", {}).json()
    post(mine, f"/hosts/{made['hostId']}/trust", {"fingerprint": shown["fingerprint"]})
    host = SshHost.objects.get()
    assert not host.facts
    plan = post(mine, "/installs", wish(host, server="memory", dryRun=True)).json()
    assert plan.get("folder", "").startswith(f"{someone.home}/mcp/server-memory"), plan


@pytest.mark.parametrize("dry", [True, False])
def test_bob_and_a_stranger_install_nothing_on_ann_s_host(
    mine: Client, bob: User, host: SshHost, dry: bool
) -> None:
    body = wish(host, dryRun=dry)
    assert post(signed_in(bob), "/installs", body).status_code == 404
    assert post(Client(), "/installs", body).status_code in (401, 403)
    assert not Installation.objects.exists()


@pytest.mark.parametrize("path", ["/catalogue", "/catalogue/00000000-0000-4000-8000-000000000000"])
def test_a_stranger_sees_no_catalogue(db: None, path: str) -> None:
    assert Client().get(f"{URL}{path}").status_code in (401, 403)
