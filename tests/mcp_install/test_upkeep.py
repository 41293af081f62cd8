"""Checks, rollbacks, upgrades and uninstallations of servers on a real host."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from mcp_install.models import Installation, McpServer, SshHost, State
from mcp_install.tasks import install as work
from realtime.models import Job, Status
from tests.documents.test_api import signed_in
from tests.mcp_install import programs
from tests.mcp_install.installed import built, host_of, installed
from tests.mcp_install.programs import legacy, modern, myself
from tests.mcp_install.test_servers_api import URL, post, processes, refused, tried
from tests.sshd import Account, Sshd
from tests.stack import until

Events = Callable[[User], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def me() -> Iterator[Account]:
    with myself() as account:
        yield account


@pytest.fixture
def host(ann: User, sshd: Sshd, me: Account, transactional_db: None, valkey: Any) -> SshHost:
    return host_of(ann, sshd, me)


@pytest.fixture
def mine(ann: User) -> Client:
    return signed_in(ann)


def done(answer: Any) -> Installation:
    """The run that was begun, after a worker had it."""
    assert answer.status_code == 202, answer.json()
    run = Installation.objects.get(pk=answer.json()["installId"])
    work(str(run.job_id))
    return Installation.objects.select_related("job").get(pk=run.pk)


def current(server: McpServer, me: Account) -> str:
    return me.run(f"readlink '{server.directory}/{server.slug}/current'").strip()


def upgraded(server: McpServer, me: Account, script: str) -> McpServer:
    """With another build in use; the first one is the one before."""
    server.previous, server.active = server.active, built(server, me, script, "2.0")
    server.save()
    return server


# --- Checks -------------------------------------------------------------------------------------
def test_a_check_finds_what_the_server_has_now(
    mine: Client, ann: User, host: SshHost, me: Account, events_of: Events
) -> None:
    server = installed(ann, host, me, legacy())
    run = done(post(mine, server, "/check"))
    assert run.job.status == "DONE", run.job.error
    assert run.job.message == "Sums answers: 3 tools"
    found = mine.get(f"{URL}/{server.pk}").json()
    assert [tool["name"] for tool in found["tools"]] == ["echo", "echo1", "echo2"]
    assert (found["era"], found["state"]) == ("legacy", "READY")
    assert (found["serverName"], found["serverVersion"]) == ("Old", "0.1")
    stages = [e["stage"] for e in events_of(ann) if e["type"] == "mcp_install_progress"]
    assert list(dict.fromkeys(stages)) == ["CONNECTING", "VERIFYING", "COMPLETE"]
    assert not processes(server)


def test_a_check_finds_that_it_is_broken_and_that_it_works_again(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = installed(ann, host, me, programs.CRASHES)
    run = done(post(mine, server, "/check"))
    assert (run.job.status, run.error_code) == ("FAILED", "handshake_failed")
    assert "no module named nothing" in run.job.error
    log = "".join(run.log.values_list("text", flat=True))
    assert "The server said:" in log
    found = mine.get(f"{URL}/{server.pk}").json()
    assert (found["state"], found["error"]["code"]) == ("BROKEN", "handshake_failed")
    assert server.active
    programs.put(me, server.active.launch[0].removeprefix(f"{me.home}/"), modern())
    assert done(post(mine, server, "/check")).job.status == "DONE"
    found = mine.get(f"{URL}/{server.pk}").json()
    assert (found["state"], found["error"]) == ("READY", None)


def test_a_host_that_is_away_does_not_make_a_server_broken(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = installed(ann, host, me, modern())
    SshHost.objects.update(port=1)
    run = done(post(mine, server, "/check"))
    assert run.error_code == "connection_refused"
    server.refresh_from_db()
    assert server.state == State.READY


def test_two_things_at_once_are_refused(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = installed(ann, host, me, modern())
    begun = post(mine, server, "/check")
    running = mine.get(f"{URL}/{server.pk}").json()["running"]
    assert (running["installId"], running["action"]) == (begun.json()["installId"], "verify")
    assert refused(post(mine, server, "/check")) == (409, "busy")
    assert refused(mine.delete(f"{URL}/{server.pk}")) == (409, "busy")
    assert refused(mine.delete(f"{URL}/{server.pk}?forget=true")) == (409, "busy")


# --- Rollbacks ----------------------------------------------------------------------------------
def test_a_rollback_uses_the_build_before_and_back_again(
    mine: Client, ann: User, host: SshHost, me: Account, worker: None
) -> None:
    server = upgraded(installed(ann, host, me, modern("1.0")), me, modern("2.0"))
    first, second = server.previous, server.active
    assert first
    assert second
    assert tried(mine, server, "add", a=1, b=2).status_code == 200
    run = done(post(mine, server, "/rollback"))
    assert run.job.status == "DONE", run.job.error
    assert current(server, me) == f"versions/{first.build}"
    found = mine.get(f"{URL}/{server.pk}").json()
    assert (found["version"], found["previousVersion"]) == ("1.0", "2.0")
    assert found["serverVersion"] == "1.0"
    until(lambda: not processes(server))  # of what was in use
    assert tried(mine, server, "add", a=1, b=2).json()["text"] == "3"
    assert done(post(mine, server, "/rollback")).job.status == "DONE"
    assert current(server, me) == f"versions/{second.build}"


def test_a_rollback_that_is_done_twice_is_done_once(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = upgraded(installed(ann, host, me, modern("1.0")), me, modern("2.0"))
    run = done(post(mine, server, "/rollback"))
    Job.objects.filter(pk=run.job_id).update(status=Status.QUEUED)  # its worker died at the end
    work(str(run.job_id))
    run.job.refresh_from_db()
    assert run.job.status == "DONE", run.job.error
    found = mine.get(f"{URL}/{server.pk}").json()
    assert (found["version"], found["previousVersion"]) == ("1.0", "2.0")


def test_a_rollback_to_a_broken_build_leaves_all_as_it_was(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = upgraded(installed(ann, host, me, programs.CRASHES), me, modern("2.0"))
    before = current(server, me)
    run = done(post(mine, server, "/rollback"))
    assert (run.job.status, run.error_code) == ("FAILED", "handshake_failed")
    assert current(server, me) == before
    found = mine.get(f"{URL}/{server.pk}").json()
    assert (found["version"], found["previousVersion"], found["state"]) == ("2.0", "1.0", "READY")


def test_without_an_older_build_there_is_nothing_to_go_back_to(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = installed(ann, host, me, modern())
    assert refused(post(mine, server, "/rollback")) == (409, "nothing_before")


# --- Uninstalling -------------------------------------------------------------------------------
def test_uninstalling_takes_away_what_was_put_there(
    mine: Client, ann: User, host: SshHost, me: Account, worker: None
) -> None:
    server = upgraded(installed(ann, host, me, modern()), me, modern("2.0"))
    assert tried(mine, server, "add", a=1, b=2).status_code == 200
    assert processes(server)
    run = done(mine.delete(f"{URL}/{server.pk}"))
    assert (run.job.status, run.job.message) == ("DONE", "Sums is uninstalled")
    assert me.run(f"ls -A '{server.directory}'") == ""
    assert not processes(server)
    assert mine.get(URL).json()["servers"] == []
    assert mine.get(f"{URL}/{server.pk}").json()["state"] == "REMOVED"
    assert refused(tried(mine, server, "add", a=1, b=2)) == (409, "not_installed")
    assert mine.delete(f"/api/mcp/hosts/{host.pk}").status_code == 204


def test_uninstalling_keeps_what_is_not_ours(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = installed(ann, host, me, modern())
    root = f"{server.directory}/sums"
    me.run(
        f"cd '{root}' && echo mine > 'my notes.db' && mkdir -p versions/mine elsewhere && "
        f"echo x > versions/mine/x && touch elsewhere/.mcp-install.json && "
        f"ln -s '{root}/elsewhere' versions/link"
    )
    run = done(mine.delete(f"{URL}/{server.pk}"))
    assert run.job.status == "DONE", run.job.error
    kept = f"kept in {root}, as it is not ours: elsewhere, my notes.db, link, mine"
    assert run.job.message == f"Sums is uninstalled; {kept}"
    left = me.run(f"cd '{root}' && find . -type f | sort").split("\n")
    assert left[:4] == ["./.mcp-install.json", "./elsewhere/.mcp-install.json", "./my notes.db",
                        "./versions/mine/x"]  # fmt: skip
    assert not me.run(f"cd '{root}/versions' && ls -A | grep '^1.0' || true")


def test_a_folder_without_our_mark_is_not_touched(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = installed(ann, host, me, modern())
    me.run(f"rm '{server.directory}/sums/.mcp-install.json'")
    run = done(mine.delete(f"{URL}/{server.pk}"))
    assert (run.job.status, run.error_code) == ("FAILED", "dir_not_ours")
    assert me.run(f"ls '{server.directory}/sums/versions'")
    server.refresh_from_db()
    assert server.state == State.READY


def test_a_folder_that_is_gone_already_is_no_trouble(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = installed(ann, host, me, modern())
    me.run(f"rm -r '{server.directory}'")
    assert done(mine.delete(f"{URL}/{server.pk}")).job.status == "DONE"


def test_a_server_on_a_host_that_is_gone_can_be_forgotten(
    mine: Client, ann: User, host: SshHost, me: Account
) -> None:
    server = installed(ann, host, me, modern())
    SshHost.objects.update(port=1)
    run = done(mine.delete(f"{URL}/{server.pk}"))
    assert (run.job.status, run.error_code) == ("FAILED", "connection_refused")
    assert mine.delete(f"{URL}/{server.pk}?forget=true").status_code == 204
    assert mine.get(URL).json()["servers"] == []
    assert mine.delete(f"/api/mcp/hosts/{host.pk}").status_code == 204
