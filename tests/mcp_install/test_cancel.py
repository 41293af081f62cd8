"""The end of a run before its time: nothing of it stays on the host."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from mcp_install import leftovers, remote, shell, turns
from mcp_install.connect import connected
from mcp_install.login import Login
from mcp_install.models import Installation, SshHost
from mcp_install.remote import Limits
from mcp_install.troubles import Trouble
from realtime import background, jobs
from realtime.models import Job
from tests.mcp_install.hosts import at_work, begun, done, fresh, host_at, log_of, marked
from tests.mcp_install.remote_uv import STUBBORN, give_uv, write
from tests.sshd import IS_ROOT, Account, Sshd, running
from tests.stack import until

Events = Callable[[User], list[dict[str, Any]]]


@pytest.fixture
def host(transactional_db: None, ann: User, sshd: Sshd, someone: Account) -> SshHost:
    someone.run("rm -rf ~/mcp")
    give_uv(someone, STUBBORN)
    return host_at(ann, sshd, someone)


def is_working(started: Installation) -> bool:
    return "working on it" in log_of(started)


def test_cancel_ends_every_process_within_two_seconds(
    ann: User, host: SshHost, someone: Account, events_of: Events
) -> None:
    started = begun(ann, host)
    with at_work(started):
        until(lambda: is_working(started))
        assert len(marked(started)) >= 6
        began = time.monotonic()
        jobs.cancel(started.job)
        until(lambda: not marked(started), within=10, every=0.02)
        assert time.monotonic() - began < 2
    ended = fresh(started)
    assert (ended.job.status, ended.has_left) == ("CANCELLED", False)
    assert someone.run("ls -A ~/mcp 2>/dev/null; true") == "", "what was half made is removed"
    assert (last := events_of(ann)[-1])["stage"] == "CANCELLED"
    assert last["terminal"]


@pytest.mark.skipif(not IS_ROOT, reason="signs in as root")
def test_cancel_ends_them_as_root_too(
    transactional_db: None, ann: User, sshd: Sshd, someone: Account
) -> None:
    give_uv(someone, STUBBORN)
    host = host_at(ann, sshd, someone)
    SshHost.objects.filter(pk=host.pk).update(username="root")
    started = begun(ann, SshHost.objects.get())
    # Its home is not root's, but its uv reads how to install from there.
    uv = (someone.home / ".local/bin/uv").read_text().replace("$HOME", str(someone.home))
    (someone.home / ".local/bin/uv").write_text(uv)
    with at_work(started):
        until(lambda: is_working(started))
        jobs.cancel(started.job)
        until(lambda: not marked(started), within=10, every=0.02)
    assert fresh(started).job.status == "CANCELLED"


def test_a_run_that_waits_is_cancelled_without_a_worker(ann: User, host: SshHost) -> None:
    started = begun(ann, host)
    assert jobs.cancel(started.job)
    assert done(started).job.status == "CANCELLED"
    assert log_of(started) == ""


@pytest.mark.parametrize("has_terminal", [True, False])
@pytest.mark.parametrize(
    ("limits", "code"),
    [(Limits(whole=0.5, idle=60), "run_timeout"), (Limits(whole=60, idle=0.5), "idle_timeout")],
)
async def test_what_takes_too_long_or_is_silent_is_ended(
    login: Login, limits: Limits, code: str, has_terminal: bool
) -> None:
    async def hear(_: bytes) -> None: ...

    async with connected(login) as connection:
        line = shell.command("echo begun; sleep 30")
        with pytest.raises(Trouble) as caught:
            await remote.listen(connection, line, hear, limits, has_terminal=has_terminal)
    assert caught.value.code == code


def test_a_host_that_vanishes_is_tidied_up_by_the_next_run_there(
    transactional_db: None, ann: User, someone: Account
) -> None:
    give_uv(someone, STUBBORN)
    with running() as sshd:
        lost = begun(ann, host_at(ann, sshd, someone))
        with at_work(lost):
            until(lambda: is_working(lost))
            sshd.cut()
        lost = fresh(lost)
        assert (lost.job.status, lost.error_code, lost.has_left) == (
            "FAILED", "connection_lost", True,
        )  # fmt: skip
        assert marked(lost), "a daemon outlives its connection"
        background.run(leftovers.sweep())
        assert marked(lost), "it cannot be reached"
        sshd.start()
        give_uv(someone)
        assert done(begun(ann, lost.server.host)).job.status == "DONE"
        assert not marked(lost)
        assert not fresh(lost).has_left


def test_a_host_that_comes_back_is_tidied_up_though_nobody_uses_it(
    transactional_db: None, ann: User, someone: Account
) -> None:
    give_uv(someone, STUBBORN)
    with running() as sshd:
        lost = begun(ann, host_at(ann, sshd, someone))
        with at_work(lost):
            until(lambda: is_working(lost))
            sshd.cut()
        sshd.start()
        waiting = begun(ann, lost.server.host, "fetch")
        SshHost.objects.update(tidying_until=timezone.now() + timedelta(seconds=30))
        assert done(waiting).job.status == "WAITING"
        assert "tidied up" in fresh(waiting).job.message
        background.run(leftovers.sweep())
        assert not marked(lost)
        assert not fresh(lost).has_left
        assert fresh(waiting).job.status == "QUEUED"
    folder = f"{lost.plan['folder']}"
    assert someone.run(f"test -e '{folder}' || echo gone") == "gone\n"


def test_a_retry_ends_what_a_killed_worker_left_and_begins_anew(
    ann: User, host: SshHost, someone: Account
) -> None:
    lost = begun(ann, host)
    with at_work(lost):
        until(lambda: is_working(lost))
        # Its lease ran out, as of a worker that hangs; another one takes it up.
        give_uv(someone)
        Job.objects.filter(pk=lost.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert jobs.reap() == 1
        again = done(lost)
    assert (again.job.status, again.job.attempt) == ("DONE", 2), again.job.error
    assert not marked(again)
    assert fresh(lost).log_length == len(log_of(lost))


@pytest.mark.parametrize(
    ("there", "left"),
    [
        ("true", ""),
        ("mkdir ~/mcp", "mcp"),
        ("mkdir -p ~/mcp/new/server-time", "mcp mcp/new mcp/new/server-time"),
        ("mkdir ~/mcp && mkdir -p real/a && ln -s ../real/a ~/mcp/new", "mcp mcp/new real real/a"),
    ],
)
def test_cancel_after_a_killed_worker_leaves_the_folders_that_were_there_and_no_others(
    ann: User, host: SshHost, someone: Account, there: str, left: str
) -> None:
    someone.run(there)
    lost = begun(ann, host, directory="~/mcp/new")
    with at_work(lost):
        until(lambda: is_working(lost))
        Job.objects.filter(pk=lost.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert jobs.reap() == 1
        with at_work(lost):
            until(lambda: log_of(lost).count("working on it") == 2)
            jobs.cancel(lost.job)
    again = fresh(lost)
    assert (again.job.status, again.job.attempt, again.has_left) == ("CANCELLED", 2, False)
    assert someone.run("find mcp real 2>/dev/null | sort; rm -rf mcp real").split() == left.split()


def test_a_folder_that_its_owner_made_between_two_attempts_stays(
    ann: User, host: SshHost, someone: Account
) -> None:
    run = begun(ann, host)
    with at_work(run):
        until(lambda: is_working(run))
        jobs.cancel(run.job)
    assert someone.run("ls -A ~/mcp 2>&1 || mkdir ~/mcp").startswith("ls: ")
    assert jobs.retry(fresh(run).job)
    with at_work(run):
        until(lambda: log_of(run).count("working on it") == 2)
        jobs.cancel(run.job)
    assert fresh(run).job.status == "CANCELLED"
    assert someone.run("ls -A ~/mcp && rmdir ~/mcp && echo stayed") == "stayed\n"


def test_one_run_at_a_time_is_on_a_host_and_the_others_say_why_they_wait(
    ann: User, host: SshHost, someone: Account, events_of: Events
) -> None:
    first, second = begun(ann, host), begun(ann, host, "fetch")
    with at_work(first):
        until(lambda: is_working(first))
        waiting = done(second)
        assert waiting.job.status == "WAITING"
        words = "Waiting for another run on box to end (install Time)"
        assert waiting.job.message == words
        *_, told = [e for e in events_of(ann) if e["installId"] == str(second.pk)]
        assert (told["message"], told["stage"], told["progress"]) == (words, "CONNECTING", 0)
        give_uv(someone)
        jobs.cancel(first.job)
    assert until(lambda: fresh(second).job.status == "QUEUED")
    assert done(second).job.status == "DONE"


def test_three_runs_of_a_person_are_at_work_at_once(
    ann: User, bob: User, sshd: Sshd, someone: Account, host: SshHost
) -> None:
    runs = []
    for number in range(4):
        SshHost.objects.filter(pk=host.pk).update(name=f"box {number}")
        made = host_at(ann, sshd, someone)
        SshHost.objects.filter(pk=made.pk).update(name=f"other {number}")
        runs.append(begun(ann, made))
    for one in runs[:3]:
        Job.objects.filter(pk=one.job_id).update(status="RUNNING", stage="EXECUTING")
    assert turns.why_not(runs[3]) == "Waiting for one of your 3 other runs to end"
    SshHost.objects.filter(pk=host.pk).update(name="box")
    assert not turns.why_not(begun(bob, host_at(bob, sshd, someone)))


def test_what_is_in_use_already_is_not_cancelled_any_more(
    ann: User, host: SshHost, someone: Account
) -> None:
    """The host's `mv` cancels, as the new build is about to be the one in use."""
    give_uv(someone)
    write(someone, ".local/bin/mv", '#!/bin/sh\ntouch ~/now\nsleep 1\nexec /bin/mv "$@"\n')
    write(someone, ".bashrc", 'PATH="$HOME/.local/bin:$PATH"')
    run = begun(ann, host)
    try:
        with at_work(run):
            until(lambda: (someone.home / "now").exists())
            assert jobs.cancel(run.job)
    finally:
        someone.run("rm -f ~/.local/bin/mv ~/.bashrc ~/now")
    assert fresh(run).job.status == "DONE"
    run.server.refresh_from_db()
    assert (run.server.state, run.server.active) == ("READY", run)
