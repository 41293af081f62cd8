"""Scripts that start and end servers, by whatever a host has as /bin/sh; and what starts one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mcp_install.connect import connected
from mcp_install.launch import START, find_program
from mcp_install.login import Login
from mcp_install.plan import Plan
from mcp_install.tidy import KILL
from mcp_install.troubles import Trouble
from tests.mcp_install.conftest import login_to
from tests.mcp_install.programs import HANGS, myself, put
from tests.sshd import Account, Sshd
from tests.stack import until

SHELLS = [["dash"], ["bash"], ["busybox", "sh"]]
STUBBORN = "import os\nif os.fork() == 0: os.setsid()\n" + HANGS
ECHO = "import sys\nfor line in sys.stdin: print(line.upper(), end='', flush=True)\nsys.exit(5)"


@pytest.fixture(scope="module")
def me() -> Iterator[Account]:
    with myself() as account:
        yield account


@pytest.fixture
def login(sshd: Sshd, me: Account) -> Login:
    return login_to(sshd, me)


def start(shell: list[str], program: str, port: str = "") -> "subprocess.Popen[str]":
    marks = ["run-1", f"server-{os.getpid()}", f"launch-{os.getpid()}", port, "/"]
    process = subprocess.Popen(
        [*shell, "-c", START, "sh", *marks, "text", program, "secret", "MCP_ARGUMENT_1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,  # as sshd does
    )  # fmt: skip
    assert process.stdin
    process.stdin.write("MCP_ARGUMENT_1=c2VjcmV0\n\n")
    process.stdin.flush()
    return process


def alive() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            mark = f"MCP_LAUNCH_ID=launch-{os.getpid()}".encode()
            if entry.name.isdecimal() and mark in (entry / "environ").read_bytes():
                found.append(entry.name)
    return found


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_what_is_sent_passes_and_the_end_of_it_is_the_server_s(
    me: Account, shell: list[str]
) -> None:
    process = start(shell, put(me, "echo", ECHO))
    assert process.stdin
    assert process.stdout
    process.stdin.write("hello\n")
    process.stdin.flush()
    assert process.stdout.readline() == "HELLO\n"
    process.stdin.close()
    assert process.wait(10) == 5
    assert not alive()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_server_that_ends_ends_the_rest(me: Account, shell: list[str]) -> None:
    process = start(shell, put(me, "ends", "import sys; sys.exit(sys.argv[1:] != ['secret'])"))
    assert process.wait(10) == 0


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("port", ["", "port"])
def test_a_stubborn_server_and_its_daemon_are_killed(
    me: Account, shell: list[str], port: str
) -> None:
    process = start(shell, put(me, "stubborn", STUBBORN), port)
    until(lambda: len(alive()) == 2)
    assert process.stdin
    process.stdin.close()
    process.wait(10)
    until(lambda: not alive(), within=5)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_all_of_a_server_can_be_killed_from_elsewhere(me: Account, shell: list[str]) -> None:
    process = start(shell, put(me, "stubborn", STUBBORN))
    until(lambda: len(alive()) == 2)
    mark = f"MCP_SERVER_ID=server-{os.getpid()}"
    subprocess.run([*shell, "-c", KILL, "sh", mark], check=True, timeout=20)
    assert not alive()
    process.wait(10)


# --- What starts it -----------------------------------------------------------------------------
def plan_of(me: Account, **more: object) -> Plan:
    fields: dict[str, object] = {
        "server": "org.example/x", "title": "X", "version": "1.0", "kind": "npm",
        "package": "@org/the-server", "directory": str(me.home), "slug": "x", "build": "b",
        "folder": f"{me.home}/b", "programs": f"{me.home}/b/node_modules/.bin", "program": "",
        "arguments": (), "environment": {}, "secret_environment": (),
        "transport": {"type": "stdio"}, "try_tool": {}, "steps": (), "warnings": (),
    }  # fmt: skip
    return Plan(**(fields | more))  # type: ignore[arg-type]


def package(me: Account, bin_of_it: str) -> None:
    folder = f"{me.home}/b/node_modules/@org/the-server"
    me.run(f"mkdir -p {folder} && echo '{{\"bin\": {bin_of_it}}}' > {folder}/package.json")


@pytest.mark.parametrize(
    ("bin_of_it", "found"),
    [
        ('"run.js"', "the-server"),
        ('{"one": "a.js"}', "one"),
        ('{"other": "a.js", "the-server": "b.js"}', "the-server"),
        ('{"a": "a.js", "b": "b.js"}', ""),
        ("{}", ""),
        ('{"../../../bin/sh": "a.js"}', ""),
    ],
)
async def test_an_npm_package_says_what_starts_it(
    login: Login, me: Account, bin_of_it: str, found: str
) -> None:
    package(me, bin_of_it)
    plan = plan_of(me)
    async with connected(login) as connection:
        if found:
            assert await find_program(connection, plan) == f"{plan.programs}/{found}"
            return
        with pytest.raises(Trouble) as raised:
            await find_program(connection, plan)
        assert raised.value.code == "no_executable"


async def test_a_python_package_says_what_starts_it(login: Login, me: Account) -> None:
    me.run("mkdir -p venv")
    programs = str(Path(sys.executable).parent)
    made = {"kind": "pypi-venv", "programs": programs}
    async with connected(login) as connection:
        one = plan_of(me, package="celery", program="celery", **made)
        assert await find_program(connection, one) == f"{programs}/celery"
        with pytest.raises(Trouble) as raised:
            await find_program(connection, plan_of(me, package="pydantic", **made))
        assert raised.value.code == "no_executable"
        other = plan_of(me, package="httpx", program="not-there", **made)
        assert await find_program(connection, other) == f"{programs}/httpx"
