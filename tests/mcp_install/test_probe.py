"""What a host is and has."""

import dataclasses
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_install import probe
from mcp_install.connect import connected
from mcp_install.facts import Facts, Program
from mcp_install.login import Login
from mcp_install.probe import Place
from mcp_install.troubles import Trouble
from tests.sshd import Account, Sshd, account, only_root


async def facts_of(login: Login) -> Facts:
    async with connected(login) as connection:
        return await probe.probe(connection)


async def test_a_host_says_what_it_has(login: Login, someone: Account) -> None:
    facts = await facts_of(login)
    assert (facts.system, facts.arch) == (os.uname().sysname, os.uname().machine)
    assert (facts.user, facts.home, facts.is_root) == (someone.name, str(someone.home), False)
    assert facts.free_mb is not None
    assert facts.free_mb > 10
    assert facts.python
    assert facts.python.path.startswith("/")
    assert facts.python.version.startswith("3.")
    if npm := shutil.which("npm", path="/usr/local/bin:/usr/bin:/bin"):
        assert facts.npm
        assert facts.npm.path == npm
        assert facts.npm.version[0].isdigit()
    assert Facts.of_json(facts.as_json()) == facts


@only_root  # else it would be the home of whoever runs the tests
async def test_programs_in_the_usual_places_are_found(login: Login, someone: Account) -> None:
    someone.run(
        "mkdir -p '.local/bin' && printf '#!/bin/sh\\necho uv 0.9.9 \"(abc 2026-01-01)\"\\n' "
        "> .local/bin/uv && chmod 755 .local/bin/uv"
    )
    try:
        uv = (await facts_of(login)).uv
        assert uv == Program("0.9.9", f"{someone.home}/.local/bin/uv")
    finally:
        someone.run("rm .local/bin/uv")


@only_root
@pytest.mark.parametrize("shell", ["fish", "tcsh", "zsh"])
async def test_other_login_shells_say_the_same(login: Login, shell: str) -> None:
    path = shutil.which(shell)
    assert path, f"{shell} is missing: see `make test-tools`"
    with account(path) as other:
        facts = await facts_of(replace(login, username=other.name))
        assert (facts.user, facts.shell) == (other.name, path)


@only_root
async def test_a_start_up_file_that_prints_does_no_harm_and_one_that_ends_is_told(
    login: Login,
) -> None:
    with account() as other:
        there = replace(login, username=other.name)
        other.run("printf 'echo hello; echo 0123456789abcdef end yes\\n' > .bashrc")
        assert (await facts_of(there)).user == other.name
        other.run("echo 'echo go away; exit 1' > .bashrc")
        with pytest.raises(Trouble, match="go away") as raised:
            await facts_of(there)
        assert raised.value.code == "probe_failed"
        assert "start-up file" in str(raised.value)


@only_root
async def test_an_account_without_a_shell_is_told(login: Login) -> None:
    with account("/usr/sbin/nologin") as other:
        with pytest.raises(Trouble) as raised:
            await facts_of(replace(login, username=other.name))
        assert raised.value.code == "probe_failed"


async def look_at(login: Login, directory: str) -> Place:
    async with connected(login) as connection:
        return await probe.look_at(connection, directory)


def refused(place: Place) -> str:
    with pytest.raises(Trouble) as raised:
        probe.check(place, "/somewhere")
    return raised.value.code


async def test_a_folder_is_looked_at_before_anything_is_put_there(
    login: Login, someone: Account
) -> None:
    someone.run("mkdir -p 'my servers' && ln -sfn 'my servers' link && touch file")
    home = str(someone.home)
    there = await look_at(login, f"{home}/link")
    assert (there.kind, there.base) == ("folder", f"{home}/my servers")
    assert there.is_writable
    assert there.runs_programs
    probe.check(there, f"{home}/link")
    new = await look_at(login, f"{home}/it's/new")
    assert (new.kind, new.base, new.is_writable) == ("missing", home, True)
    probe.check(new, f"{home}/it's/new")
    assert refused(await look_at(login, f"{home}/file")) == "not_a_directory"
    assert refused(await look_at(login, f"{home}/file/in/it")) == "not_a_directory"
    assert refused(dataclasses.replace(new, free_mb=3)) == "disk_space"
    assert not list(someone.home.glob(".mcp-install*"))


@only_root
async def test_a_folder_of_others_and_one_without_programs_are_told(
    login: Login, sshd: Sshd, tmp_path: Path
) -> None:
    assert refused(await look_at(login, "/usr/share/nowhere")) == "dir_not_writable"
    shared = Path("/dev/shm")
    there = await look_at(login, str(shared))
    mounted = next(
        (line for line in Path("/proc/mounts").read_text().splitlines() if " /dev/shm " in line), ""
    )
    assert there.runs_programs == ("noexec" not in mounted.split()[3] if mounted else True)
    assert refused(dataclasses.replace(there, runs_programs=False)) == "noexec"


def test_the_best_python_makes_environments_and_is_new_enough() -> None:
    told = ["3.9.2 venv /usr/bin/python3", "3.12.1 bare /opt/python3.12", "3.11.4 venv /a b/python"]
    assert probe._best_python(told) == ("3.11.4", "/a b/python", True)
    assert probe._best_python(told[:2]) == ("3.12.1", "/opt/python3.12", False)
    assert probe._best_python(["nonsense", "3.8.1 venv /usr/bin/python3", ""]) == ("", "", False)


def test_versions_are_found_in_what_programs_say() -> None:
    for told, version in [
        ("uv 0.9.1 (abc 2026) /usr/bin/uv", "0.9.1"),
        ("v20.20.2 /usr/bin/node", "20.20.2"),
        ("Docker version 28.0.1, build 068a01e /usr/bin/docker", "28.0.1"),
        (" /usr/bin/npm", ""),
    ]:
        assert probe._program(told).version == version
