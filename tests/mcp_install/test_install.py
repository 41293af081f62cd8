"""Installations on a real SSH server, whose uv takes no time."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from mcp_install import catalogue, installs
from mcp_install.models import McpServer, SshHost
from mcp_install.tasks import install
from realtime import jobs
from tests.mcp_install.hosts import begun, done, host_at, log_of, marked
from tests.mcp_install.remote_uv import INSTALL, SERVER, give_uv, write
from tests.mcp_install.test_plan import arg, env, file
from tests.sshd import Account, Sshd

Events = Callable[[User], list[dict[str, Any]]]
LISTED = "cd ~/mcp 2>/dev/null && find . | sort"
ENDS_BADLY = """#!/usr/bin/env python3
import sys
sys.exit("no licence was found")
"""
NEEDS_OLDER_SDK = """#!/usr/bin/env python3
import os, sys
if not os.path.exists(os.path.join(os.path.dirname(sys.argv[0]), "older")):
    sys.exit("ImportError: cannot import name 'McpError' from 'mcp'")
"""


@pytest.fixture
def host(transactional_db: None, ann: User, sshd: Sshd, someone: Account) -> SshHost:
    someone.run("rm -rf ~/mcp")
    give_uv(someone)
    return host_at(ann, sshd, someone)


def test_a_server_is_installed_and_is_ready_once_it_has_spoken(
    ann: User, host: SshHost, someone: Account, events_of: Events
) -> None:
    run = done(begun(ann, host))
    assert (run.job.status, run.job.message) == ("DONE", "Time 2026.10.19 is ready: 1 tool")
    server = McpServer.objects.get()
    assert (server.state, server.active, server.previous) == ("READY", run, None)
    assert [tool["name"] for tool in server.tools] == ["echo"]
    assert (server.era, server.protocol_version) == ("legacy", "2025-06-18")
    program = f"{run.plan['programs']}/mcp-server-time"
    assert run.launch == [program]
    assert not run.has_left
    folder = f"./server-time/versions/{run.build}"
    assert someone.run(LISTED).split() == [
        ".", "./server-time", "./server-time/.mcp-install.json", "./server-time/current",
        "./server-time/versions", folder, f"{folder}/.mcp-install.done",
        f"{folder}/.mcp-install.json", f"{folder}/venv", f"{folder}/venv/bin",
        f"{folder}/venv/bin/mcp-server-time", f"{folder}/venv/bin/python",
    ]  # fmt: skip
    told = events_of(ann)
    stages = list(dict.fromkeys(event["stage"] for event in told))
    assert stages == ["CONNECTING", "PREPARING", "EXECUTING", "VERIFYING", "COMPLETE"]
    percents = [event["progress"] for event in told]
    assert percents == sorted(percents)
    assert "".join(event.get("output", "") for event in told) == log_of(run)
    assert "$ " in log_of(run)
    assert "Installed 1 package\r\n" in log_of(run)
    assert not marked(run)


def test_a_redelivered_run_does_nothing(ann: User, host: SshHost) -> None:
    run = done(begun(ann, host))
    install(str(run.job_id))
    assert run.log_length == len(log_of(run))
    run.job.refresh_from_db()
    assert run.job.attempt == 1


def test_an_upgrade_leaves_the_old_build_until_the_new_one_has_spoken(
    ann: User, host: SshHost, someone: Account
) -> None:
    first = done(begun(ann, host))
    write(someone, ".server", ENDS_BADLY)
    second = done(begun(ann, host, version="2026.10.20"))
    assert (second.action, second.job.status, second.error_code) == (
        "upgrade", "FAILED", "handshake_failed",
    )  # fmt: skip
    assert "no licence was found" in second.job.error
    assert "no licence was found" in log_of(second)
    server = McpServer.objects.get()
    assert (server.state, server.active) == ("READY", first)
    current = "readlink ~/mcp/server-time/current"
    assert someone.run(current).strip() == f"versions/{first.build}"
    give_uv(someone)
    third = done(begun(ann, host, version="2026.10.21"))
    assert third.job.status == "DONE", third.job.error
    server.refresh_from_db()
    assert (server.active, server.previous) == (third, first)
    assert someone.run(current).strip() == f"versions/{third.build}"
    kept = someone.run("ls ~/mcp/server-time/versions").split()
    assert set(kept) == {first.build, third.build}, "what failed is not kept for ever"


def test_the_version_that_is_ready_is_only_checked(
    ann: User, host: SshHost, someone: Account, events_of: Events
) -> None:
    first = done(begun(ann, host))
    told = len(events_of(ann))
    again = done(begun(ann, host, version="2026.10.19"))
    assert (again.action, again.job.status, again.build) == ("verify", "DONE", first.build)
    stages = list(dict.fromkeys(event["stage"] for event in events_of(ann)[told:]))
    assert stages == ["CONNECTING", "VERIFYING", "COMPLETE"]
    assert "uv" not in log_of(again)
    server = McpServer.objects.get()
    assert (server.state, server.active, server.previous) == ("READY", first, None)
    assert someone.run("ls ~/mcp/server-time/versions").split() == [first.build]


def test_other_inputs_and_what_is_broken_are_built_anew(ann: User, host: SshHost) -> None:
    catalogue.load_shipped()
    catalogue.add_pasted(ann, json.dumps(file(env(isSecret=True) | arg())))
    given: dict[str, Any] = {
        "environment": {"TOKEN_OF_X": "open sesame", "LOUD": "yes"}, "arguments": {"--x": "1"},
    }  # fmt: skip
    first = done(begun(ann, host, "x", **given))
    assert first.job.status == "DONE", first.job.error

    def action(**other: Any) -> str:
        entry = catalogue.find(ann, "x", "")
        return installs.planned(host, entry, "~/mcp", **(given | other)).action

    assert action() == "verify"
    assert action(environment={"TOKEN_OF_X": "open sesame?", "LOUD": "yes"}) == "upgrade"
    assert action(environment={"TOKEN_OF_X": "open sesame", "LOUD": "no"}) == "upgrade"
    assert action(environment={"LOUD": "yes"}) == "upgrade"
    assert action(arguments={"--x": "2"}) == "upgrade"
    assert action(version="1.2.4") == "upgrade"
    McpServer.objects.update(state="BROKEN")
    assert action() == "upgrade"


def test_a_retry_makes_nothing_anew_that_was_complete(
    ann: User, host: SshHost, someone: Account
) -> None:
    write(someone, ".server", ENDS_BADLY)
    run = done(begun(ann, host))
    assert (run.job.status, run.has_left) == ("FAILED", False)
    before = log_of(run)
    program = f"{run.plan['programs']}/mcp-server-time"
    someone.run(f"cp ~/.server {program}.bad; cat > {program} <<'END'\n{SERVER}\nEND")
    assert jobs.retry(run.job)
    run = done(run)
    assert run.job.status == "DONE", run.job.error
    again = log_of(run)
    assert again.startswith(before)
    assert "uv" not in again[len(before) :], "nothing was installed"
    assert "EXECUTING" not in run.job.timings


def test_a_server_older_than_the_newest_sdk_is_given_an_older_one(
    ann: User, host: SshHost, someone: Account
) -> None:
    how = INSTALL + '\ncase $* in *\'mcp<2\'*) touch "$(dirname "$python")/older" ;; esac\n'
    server = NEEDS_OLDER_SDK + SERVER
    give_uv(someone, how, server)
    run = done(begun(ann, host))
    assert run.job.status == "DONE", run.job.error
    said = log_of(run)
    assert said.count("Installed 1 package") == 2
    assert "trying again with mcp<2" in said


def test_what_fails_on_the_host_leaves_nothing_there(
    ann: User, host: SshHost, someone: Account
) -> None:
    before = someone.run("ls -A ~")
    give_uv(someone, "echo 'error: no such package was found'; exit 2")
    run = done(begun(ann, host))
    assert (run.job.status, run.error_code) == ("FAILED", "package_failed")
    assert "no such package was found" in run.job.error
    assert someone.run("ls -A ~") == before
    assert not run.has_left
    assert not marked(run)
    assert McpServer.objects.get().state == "NOT_INSTALLED"


@pytest.mark.parametrize(
    ("prepared", "code"),
    [
        ("mkdir -p ~/mcp/server-time && touch ~/mcp/server-time/mine", "dir_not_ours"),
        ("touch ~/mcp", "not_a_directory"),
        ("mkdir ~/mcp && chmod 500 ~/mcp", "dir_not_writable"),
        ("rm ~/.local/bin/uv", "runtime_missing"),
        ("echo 'exit 1' > ~/.how-to-install", "package_failed"),
        ("echo 'echo No space left on device; exit 1' > ~/.how-to-install", "disk_space"),
        ("echo 'echo Installed' > ~/.how-to-install", "no_executable"),
        ("echo 'mkdir \"$last\" 2>/dev/null; exit 3' > ~/.local/bin/uv", "venv_failed"),
        (
            "mkdir -p ~/mcp/server-time/.mcp-install.lock; cd ~/mcp/server-time/.mcp-install.lock;"
            "touch ../.mcp-install.json; echo 1 > pid; echo another > id",
            "busy",
        ),
    ],
)
def test_what_is_wrong_on_the_host_is_told_by_its_code(
    ann: User, host: SshHost, someone: Account, prepared: str, code: str
) -> None:
    someone.run(prepared)
    before = someone.run(LISTED + "; true")
    run = done(begun(ann, host))
    assert (run.job.status, run.error_code) == ("FAILED", code), run.job.error
    after = someone.run(LISTED + "; true").replace(f"./server-time/versions/{run.build}", "")
    assert "venv" not in after or code == "no_executable"
    assert code == "no_executable" or before.split() == after.split()
    someone.run("chmod -f 700 ~/mcp; rm -rf ~/mcp")


def test_secrets_are_in_no_log_and_no_event(
    ann: User, host: SshHost, someone: Account, events_of: Events
) -> None:
    secret = "open sesame & <co>"
    catalogue.load_shipped()
    catalogue.add_pasted(ann, json.dumps(file(env(isSecret=True, isRequired=True))))
    server = '#!/bin/sh\necho "I got $TOKEN_OF_X" >&2\necho "$TOKEN_OF_X" | base64 >&2\nexit 1\n'
    give_uv(someone, server=server)
    run = done(begun(ann, host, "x", environment={"TOKEN_OF_X": secret}))
    assert (run.job.status, run.error_code) == ("FAILED", "handshake_failed")
    assert "I got ••••" in log_of(run)
    for told in (log_of(run), run.job.error, json.dumps(events_of(ann)), str(run.plan)):
        assert "sesame" not in told
        assert "b3BlbiBzZXNhbW" not in told
