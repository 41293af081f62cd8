"""Hosts that are not as one would like: other shells, no terminals, start-up files that talk."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from mcp_install.output import RATE
from realtime import jobs
from tests.mcp_install.hosts import (
    at_work,
    begun,
    done,
    fresh,
    host_at,
    log_of,
    marked,
)
from tests.mcp_install.remote_uv import INSTALL, STUBBORN, give_uv, write
from tests.sshd import Account, Sshd, account, only_root, running
from tests.stack import until

SHELLS = ["/bin/bash", "/bin/dash", "/usr/bin/zsh", "/usr/bin/fish", "/usr/bin/tcsh", "busybox"]


@pytest.fixture(scope="module")
def poor() -> Iterator[Sshd]:
    """A server that gives nobody a terminal."""
    with running(options="Subsystem sftp internal-sftp\nPermitTTY no") as server:
        yield server


def shell_of(name: str, folder: Any) -> str:
    """The path of a login shell; busybox is one under the name `sh`."""
    if name != "busybox":
        return name
    path = folder / "sh"
    path.symlink_to("/bin/busybox")
    return str(path)


@only_root
@pytest.mark.parametrize("name", SHELLS)
def test_a_server_is_installed_whatever_the_login_shell(
    transactional_db: None, ann: User, sshd: Sshd, name: str
) -> None:
    with account() as someone:
        shell = shell_of(name, someone.home)
        give_uv(someone)
        someone.change_shell(shell)
        run = begun(ann, host_at(ann, sshd, someone), directory="~/it's; $(id) & “mine”")
        assert done(run).job.status == "DONE", fresh(run).job.error
        assert someone.run("cat ~/it*/server-time/current/.mcp-install.done").strip() == run.build


@only_root
def test_start_up_files_that_talk_do_no_harm(transactional_db: None, ann: User, sshd: Sshd) -> None:
    with account() as someone:
        give_uv(someone)
        write(someone, ".bashrc", "echo welcome to this host; echo and to its shell >&2")
        run = done(begun(ann, host_at(ann, sshd, someone)))
        assert run.job.status == "DONE", run.job.error


def test_a_host_without_terminals_is_used_without(
    transactional_db: None, ann: User, poor: Sshd, someone: Account
) -> None:
    someone.run("rm -rf ~/mcp")
    give_uv(someone)
    run = done(begun(ann, host_at(ann, poor, someone)))
    assert run.job.status == "DONE", run.job.error
    assert log_of(run).startswith("(This host gives no terminal")
    assert "Installed 1 package" in log_of(run)
    assert not marked(run)


def test_without_a_terminal_too_cancel_ends_everything(
    transactional_db: None, ann: User, poor: Sshd, someone: Account
) -> None:
    someone.run("rm -rf ~/mcp")
    give_uv(someone, STUBBORN)
    run = begun(ann, host_at(ann, poor, someone))
    with at_work(run):
        until(lambda: "working on it" in log_of(run))
        jobs.cancel(run.job)
        until(lambda: not marked(run), within=2.5, every=0.02)
    assert fresh(run).job.status == "CANCELLED"


def test_without_a_terminal_a_lost_connection_ends_what_is_of_good_will(
    transactional_db: None, ann: User, someone: Account
) -> None:
    someone.run("rm -rf ~/mcp")
    give_uv(someone, "echo working on it; sleep 300 & sleep 301")
    with running(options="Subsystem sftp internal-sftp\nPermitTTY no") as poor:
        run = begun(ann, host_at(ann, poor, someone))
        with at_work(run):
            until(lambda: "working on it" in log_of(run))
            poor.cut()
            until(lambda: not marked(run), within=5, every=0.02)
        assert (fresh(run).job.status, fresh(run).error_code) == ("FAILED", "connection_lost")


@pytest.mark.parametrize("which", ["sshd", "poor"])
def test_a_host_that_prints_without_end_waits_and_nothing_piles_up(
    transactional_db: None, ann: User, someone: Account, which: str, request: Any
) -> None:
    someone.run("rm -rf ~/mcp")
    give_uv(someone, f"echo begun; timeout 2 yes; true\n{INSTALL}")
    run = done(begun(ann, host_at(ann, request.getfixturevalue(which), someone)))
    assert run.job.status == "DONE", run.job.error
    # As much as may be read in that time, and what was sent ahead of it.
    assert 100_000 < run.log_length < 2 * RATE + 1024 * 1024
    assert log_of(run).count("begun") == 1
    assert "Installed 1 package" in log_of(run)[-500:]
