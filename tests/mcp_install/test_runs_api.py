"""Runs over HTTP and from the terminal, with a worker that takes each up at once."""

import io
import json
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from mcp_install import credentials
from mcp_install.credentials import Given
from mcp_install.models import AuthMethod, Installation, SshHost
from mcp_install.tasks import install
from realtime import jobs
from tests.documents.test_api import signed_in
from tests.mcp_install.hosts import begun, done, host_at, log_of, marked
from tests.mcp_install.remote_uv import STUBBORN, give_uv, write
from tests.mcp_install.test_catalogue_api import URL, post, refused, wish
from tests.sshd import Account, Sshd
from tests.stack import until

NAMES = {
    "installId", "action", "serverId", "serverName", "title", "version", "hostId", "hostName",
    "directory", "folder", "stage", "progress", "message", "error", "attempt", "isActive",
    "isWaiting", "canRetry", "steps", "timings", "logLength", "logDropped", "createdAt",
    "startedAt", "finishedAt",
}  # fmt: skip


@pytest.fixture
def host(transactional_db: None, ann: User, sshd: Sshd, someone: Account) -> SshHost:
    someone.run("rm -rf ~/mcp")
    give_uv(someone)
    return host_at(ann, sshd, someone)


@pytest.fixture
def at_once(host: SshHost, valkey: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The remote end of the queue: a worker that takes up what it is sent."""
    threads = []

    class Broker:
        def send_task(self, name: str, args: list[Any], queue: str) -> None:
            assert (name, queue) == ("mcp.install", "ssh")
            threads.append(threading.Thread(target=work, args=args))
            threads[-1].start()

    def work(job_id: str) -> None:
        install(job_id)
        connections.close_all()

    monkeypatch.setattr(jobs, "current_app", Broker())
    yield
    for thread in threads:
        thread.join(30)


def get(client: Client, run: Installation, path: str = "", **query: Any) -> Any:
    return client.get(f"{URL}/installs/{run.pk}{path}", query)


def test_a_run_is_begun_and_followed(ann: User, host: SshHost, at_once: None) -> None:
    mine = signed_in(ann)
    begun(ann, host, "fetch").delete()  # loads the catalogue
    seen = post(mine, "/installs", wish(host, dryRun=True)).json()
    begun_id = post(mine, "/installs", wish(host, planHash=seen["planHash"])).json()["installId"]
    run = Installation.objects.get(pk=begun_id)
    state = until(lambda: (s := get(mine, run).json())["isActive"] or s)
    state = until(lambda: not (s := get(mine, run).json())["isActive"] and s)
    assert set(state) == NAMES
    assert (state["stage"], state["progress"], state["error"]) == ("COMPLETE", 100, None)
    assert {step["status"] for step in state["steps"]} == {"done"}
    assert [step["command"] for step in state["steps"]] == [s["command"] for s in seen["steps"]]
    [listed] = mine.get(f"{URL}/installs").json()["installs"]
    assert listed == state
    log = get(mine, run, "/log").json()
    assert not log["isMore"]
    assert log["end"] == state["logLength"]
    assert "".join(piece["text"] for piece in log["pieces"]) == log_of(run)
    rest = get(mine, run, "/log", after=log["end"] - 10).json()
    assert "".join(piece["text"] for piece in rest["pieces"]) == log_of(run)[-10:]
    assert get(mine, run, "/log", after=log["end"]).json()["pieces"] == []
    text = get(mine, run, "/log.txt")
    assert text["Content-Type"] == "text/plain; charset=utf-8"
    assert 'attachment; filename="install-server-time-' in text["Content-Disposition"]
    assert "\x1b" not in text.content.decode()
    assert "Installed 1 package\n" in text.content.decode()


def test_a_run_that_failed_says_why_and_is_tried_again(
    ann: User, host: SshHost, someone: Account
) -> None:
    mine = signed_in(ann)
    give_uv(someone, "echo 'error: it is not there'; exit 1")
    run = done(begun(ann, host))
    state = get(mine, run).json()
    error = state["error"]
    assert (error["code"], error["again"], state["canRetry"]) == ("package_failed", True, True)
    assert error["message"] == state["message"]
    assert error["message"].startswith("The package could not be installed: error: it is not there")
    steps = {step["stage"]: step["status"] for step in state["steps"]}
    assert steps == {"PREPARING": "done", "EXECUTING": "stopped", "VERIFYING": "waiting"}
    give_uv(someone)
    answer = post(mine, f"/installs/{run.pk}/retry", {})
    assert answer.status_code == 202
    again = answer.json()
    assert (again["stage"], again["progress"], again["isWaiting"]) == ("CONNECTING", 0, True)
    assert refused(post(mine, f"/installs/{run.pk}/retry", {})) == (409, "busy")
    assert done(run).job.status == "DONE"
    assert refused(post(mine, f"/installs/{run.pk}/retry", {})) == (409, "not_again")


def test_one_step_of_a_stage_is_at_work_and_those_before_it_are_done(
    ann: User, host: SshHost, someone: Account, at_once: None
) -> None:
    mine = signed_in(ann)

    def statuses(run: Installation) -> list[str]:
        return [step["status"] for step in get(mine, run).json()["steps"]]

    give_uv(someone, STUBBORN)
    run = begun(ann, host)
    until(lambda: "working on it" in log_of(run))
    assert statuses(run) == ["done", "done", "running", "waiting", "waiting"]
    post(mine, f"/installs/{run.pk}/cancel", {})
    until(lambda: not get(mine, run).json()["isActive"])
    assert statuses(run) == ["done", "done", "stopped", "waiting", "waiting"]
    write(someone, ".local/bin/uv", "#!/bin/sh\nexit 3\n")
    failed = begun(ann, host)
    until(lambda: not get(mine, failed).json()["isActive"])
    assert statuses(failed) == ["done", "stopped", "waiting", "waiting", "waiting"]


def test_the_version_that_is_ready_is_planned_as_a_check(
    ann: User, host: SshHost, at_once: None
) -> None:
    mine = signed_in(ann)

    def ended(run: Installation) -> Any:
        return until(lambda: not (s := get(mine, run).json())["isActive"] and s)

    first = begun(ann, host)
    assert ended(first)["stage"] == "COMPLETE"
    for path, asked in (
        (f"/servers/{first.server_id}/upgrade", {"dryRun": True}),
        ("/installs", wish(host, dryRun=True)),
    ):
        seen = post(mine, path, asked).json()
        assert (seen["action"], seen["folder"]) == ("verify", first.plan["folder"])
        assert [step["stage"] for step in seen["steps"]] == ["VERIFYING"]
        answer = post(mine, path, asked | {"dryRun": False, "planHash": seen["planHash"]})
        state = ended(Installation.objects.get(pk=answer.json()["installId"]))
        assert (state["stage"], state["action"]) == ("COMPLETE", "verify")
        assert [step["status"] for step in state["steps"]] == ["done"]
        assert set(state["timings"]) <= {"CONNECTING", "VERIFYING"}


def test_a_worker_lost_for_good_is_told_by_its_code(ann: User, host: SshHost) -> None:
    run = begun(ann, host)
    job = jobs.claim(str(run.job_id), "a worker")
    assert job
    jobs.finish(job, "FAILED", error="The worker was lost 3 times while doing this.")
    assert get(signed_in(ann), run).json()["error"]["code"] == "worker_lost"


def test_a_run_is_cancelled(ann: User, host: SshHost, someone: Account, at_once: None) -> None:
    mine = signed_in(ann)
    give_uv(someone, STUBBORN)
    run = begun(ann, host)
    until(lambda: "working on it" in log_of(run))
    assert post(mine, f"/installs/{run.pk}/cancel", {}).status_code == 202
    state = until(lambda: not (s := get(mine, run).json())["isActive"] and s)
    assert (state["stage"], state["error"], state["canRetry"]) == ("CANCELLED", None, True)
    assert not marked(run)
    assert post(mine, f"/installs/{run.pk}/cancel", {}).status_code == 409


def test_a_host_that_asks_each_time_asks_before_anything_is_begun(
    ann: User, host: SshHost, valkey: Any
) -> None:
    given = credentials.of(host)
    run = begun(ann, host)
    jobs.cancel(run.job)
    SshHost.objects.filter(pk=host.pk).update(auth_method=AuthMethod.ASK)
    mine = signed_in(ann)
    assert refused(post(mine, "/installs", wish(host))) == (409, "credentials_needed")
    assert refused(post(mine, f"/installs/{run.pk}/retry", {})) == (409, "credentials_needed")
    credentials.hold(host, Given(private_key=given.private_key))
    assert post(mine, f"/installs/{run.pk}/retry", {}).status_code == 202
    assert done(run).job.status == "DONE"


def test_a_run_is_nobody_else_s(ann: User, bob: User, host: SshHost) -> None:
    run = begun(ann, host)
    for client, codes in ((signed_in(bob), {404}), (Client(), {401, 403})):
        for path in ("", "/log", "/log.txt"):
            assert get(client, run, path).status_code in codes
        for act in ("cancel", "retry"):
            assert post(client, f"/installs/{run.pk}/{act}", {}).status_code in codes
    assert signed_in(bob).get(f"{URL}/installs").json()["installs"] == []
    assert signed_in(ann).get(f"{URL}/installs/{uuid.uuid4()}").status_code == 404
    assert Installation.objects.get().job.status == "QUEUED"


# --- From the terminal --------------------------------------------------------------------------
def installmcp(*arguments: str, owner: str = "ann", host: str = "box", server: str = "time") -> str:
    said = io.StringIO()
    place = ("--host", host, "--directory", "~/mcp", "--owner", owner)
    call_command("installmcp", server, *place, *arguments, stdout=said)
    return said.getvalue()


def test_the_terminal_shows_the_plan_and_then_the_run(
    ann: User, host: SshHost, at_once: None
) -> None:
    begun(ann, host, "fetch").delete()
    planned = installmcp("--dry-run")
    assert "uv pip install" in planned
    assert Installation.objects.count() == 0
    said = installmcp()
    assert said.startswith(planned)
    assert "Installed 1 package\n" in said
    assert said.endswith("Time 2026.10.19 is ready: 1 tool\n")
    assert installmcp().endswith("Time answers: 1 tool\n")
    other = ("--json", "--argument=--local-timezone=UTC")
    lines = [json.loads(line) for line in installmcp(*other).splitlines()]
    assert lines[0]["plan"]["action"] == "upgrade"
    assert lines[-1]["stage"] == "COMPLETE"
    run = Installation.objects.latest("created_at")
    assert "".join(line.get("output", "") for line in lines) == log_of(run)


def test_the_terminal_says_in_one_line_what_is_wrong(
    ann: User, host: SshHost, someone: Account, at_once: None
) -> None:
    begun(ann, host, "fetch").delete()
    give_uv(someone, "echo 'error: it is not there'; exit 1")
    for more, words in (
        ({"owner": "nobody"}, "There is no user nobody"),
        ({"host": "other"}, "ann has no host other"),
        ({"server": "nothing"}, "The catalogue has no server nothing"),
        ({}, "The package could not be installed: error: it is not there"),
    ):
        with pytest.raises(CommandError, match=words):
            installmcp(**more)
    with pytest.raises(CommandError, match="Write it as NAME=VALUE"):
        installmcp("--environment", "TOKEN")
    with pytest.raises(CommandError, match="no such argument"):
        installmcp("--argument=--what=x")


def test_ctrl_c_in_the_terminal_cancels(
    ann: User, host: SshHost, someone: Account, at_once: None
) -> None:
    begun(ann, host, "fetch").delete()
    give_uv(someone, STUBBORN)

    def interrupt() -> None:
        until(lambda: any("working on it" in log_of(run) for run in Installation.objects.all()))
        connections.close_all()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(CommandError, match=r"Cancelled\."):
        installmcp()
    run = Installation.objects.get()
    assert run.job.status == "CANCELLED"
    assert not marked(run)
