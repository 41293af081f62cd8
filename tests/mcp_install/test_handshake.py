"""Speaking with servers on a real host: of both eras, over a channel or HTTP, and bad ones."""

import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from demo.stack import free_port
from mcp_install import handshake
from mcp_install.connect import connected
from mcp_install.handshake import Discovered, Spoken, discovered, speaking
from mcp_install.launch import Launch, kill
from mcp_install.login import Login
from mcp_install.troubles import Trouble
from tests.mcp_install import programs
from tests.mcp_install.conftest import login_to
from tests.mcp_install.programs import legacy, modern, myself, put
from tests.sshd import Account, Sshd
from tests.stack import until


@pytest.fixture(scope="module")
def me() -> Iterator[Account]:
    with myself() as account:
        yield account


@pytest.fixture
def login(sshd: Sshd, me: Account) -> Login:
    return login_to(sshd, me)


def launch_of(program: str, *arguments: dict[str, str], **more: object) -> Launch:
    fields: dict[str, object] = {
        "environment": {},
        "secrets": {},
        "folder": str(Path(program).parent),
        "transport": {"type": "stdio"},
        "server": str(uuid.uuid4()),
        "run": str(uuid.uuid4()),
    }
    return Launch(program=program, arguments=arguments, **(fields | more))  # type: ignore[arg-type]


def alive(start: Launch) -> list[int]:
    """Processes of the launch, those that nobody has waited for left out."""
    found = []
    mark = f"MCP_INSTALL_ID={start.run}".encode()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


async def shake(login: Login, start: Launch) -> Discovered:
    async with connected(login) as connection:
        return await handshake.handshake(connection, start)


async def trouble_of(login: Login, start: Launch) -> Trouble:
    with pytest.raises(Trouble) as raised:
        await shake(login, start)
    until(lambda: not alive(start), within=10)
    return raised.value


async def test_a_modern_server_tells_what_it_is(login: Login, me: Account) -> None:
    start = launch_of(put(me, "a place/modern", modern("1.2")))
    found = await shake(login, start)
    assert (found.era, found.protocol_version) == ("modern", "2026-07-28")
    assert (found.name, found.version) == ("Sums", "1.2")
    add = next(tool for tool in found.tools if tool["name"] == "add")
    assert add["description"] == "Add two numbers."
    assert add["inputSchema"]["required"] == ["a", "b"]
    until(lambda: not alive(start))


async def test_a_legacy_server_is_understood_and_its_pages_followed(
    login: Login, me: Account
) -> None:
    start = launch_of(put(me, "legacy", legacy()))
    found = await shake(login, start)
    assert (found.era, found.protocol_version, found.name) == ("legacy", "2025-06-18", "Old")
    assert [tool["name"] for tool in found.tools] == ["echo", "echo1", "echo2"]


async def test_what_was_learnt_is_not_asked_again(login: Login, me: Account) -> None:
    silent = launch_of(put(me, "silent", legacy(is_silent=True)))
    began = time.monotonic()
    async with connected(login) as connection:
        async with speaking(connection, silent, Spoken("legacy", "2025-06-18")) as (client, _):
            assert len((await discovered(client)).tools) == 3
        assert time.monotonic() - began < 5  # of the 10 s that the question would take
        start = launch_of(put(me, "modern", modern()))
        found = await handshake.handshake(connection, start)
        spoken = Spoken(found.era, found.protocol_version, found.discovery)
        async with speaking(connection, start, spoken) as (client, _):
            again = await discovered(client)
    assert again == found


async def test_it_is_given_its_arguments_and_variables_and_secrets_that_nobody_sees(
    login: Login, me: Account
) -> None:
    nasty = ["it's; $(id)", "x\\", " ; touch pwned ; #", "--", "-n", "héllo\n", "$HOME", ""]
    start = launch_of(
        put(me, "modern", modern()),
        *({"text": text} for text in nasty),
        {"secret": "argument:key"},
        environment={"PLAIN": "a=b c"},
        secrets={
            "TOKEN": SecretStr("s3cret\nof two lines "),
            "argument:key": SecretStr("another secret"),
            "part:TOKEN.x": SecretStr("no variable"),
        },
    )
    async with connected(login) as connection, speaking(connection, start) as (client, _):

        async def said(tool: str, **arguments: Any) -> Any:
            result: Any = await client.call_tool(tool, arguments)
            return result.content[0].text

        assert await said("arguments") == " ".join([*nasty, "another secret"])
        assert await said("environment", name="PLAIN") == "a=b c"
        assert await said("environment", name="TOKEN") == "s3cret\nof two lines "
        assert await said("environment", name="MCP_ARGUMENT_8") == ""
        assert await said("environment", name="MCP_INSTALL_ID") == start.run
        seen = me.run("ps axww -o args")
        assert "s3cret" not in seen
        assert start.masked("s3cret\nof two lines, no variable") == "••••, ••••"
    assert not (Path(start.folder) / "pwned").exists()


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (programs.CRASHES, "handshake_failed", "Traceback: no module named nothing"),
        ("import sys; sys.exit(4)", "handshake_failed", "it ended with exit status 4"),
        (programs.HANGS, "handshake_failed", "it did not answer in time"),
        (programs.LONG_LINE, "server_babbles", "a message of more than 8 MiB"),
        (programs.CHATTERS, "server_babbles", "200 lines that are no messages"),
        (programs.WRONG_TYPES.replace("SILENT", "False"), "server_babbles", "not the form"),
        (programs.DAEMON, "handshake_failed", "it ended"),
    ],
    ids=["crashes", "ends", "hangs", "long line", "chatters", "wrong types", "daemon"],
)
async def test_a_bad_server_is_told_and_leaves_nothing(
    login: Login,
    me: Account,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    code: str,
    words: str,
) -> None:
    monkeypatch.setattr(handshake, "SECONDS", 3)
    trouble = await trouble_of(login, launch_of(put(me, "bad", script)))
    assert trouble.code == code, str(trouble)
    assert words in str(trouble)


async def test_a_server_that_greets_first_is_understood(login: Login, me: Account) -> None:
    start = launch_of(put(me, "greets", programs.BANNER + legacy()))
    assert len((await shake(login, start)).tools) == 3


async def test_its_last_words_are_told_without_secrets(login: Login, me: Account) -> None:
    script = "import os, sys; sys.exit('bad token ' + os.environ['TOKEN'] + chr(27) + '[2J')"
    start = launch_of(put(me, "bad", script), secrets={"TOKEN": SecretStr("s3cret-s3cret")})
    trouble = await trouble_of(login, start)
    assert "bad token ••••[2J" in trouble.detail
    assert trouble.facts["output"] == "bad token ••••[2J"


async def test_no_part_of_a_secret_is_told_however_much_is_said(login: Login, me: Account) -> None:
    script = (
        "import os, sys\nfor n in range(3000):\n"
        "    sys.stderr.write(os.environ['TOKEN'] + ' ' * (n % 7))\nsys.exit(1)"
    )
    start = launch_of(put(me, "bad", script), secrets={"TOKEN": SecretStr("abcdefghijklmnop")})
    output = (await trouble_of(login, start)).facts["output"]
    assert output
    assert set(output) <= {"•", " "}
    assert len(output) <= 16 * 1024


async def test_a_program_that_is_not_there_is_told(login: Login, me: Account) -> None:
    trouble = await trouble_of(login, launch_of(f"{me.home}/nowhere"))
    assert trouble.code == "handshake_failed"
    assert "nowhere" in str(trouble)


async def test_nothing_is_left_when_the_connection_is_cut(login: Login, me: Account) -> None:
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + legacy()
    start = launch_of(put(me, "stubborn", f"{script}\nimport time; time.sleep(600)"))
    async with connected(login) as connection:
        with pytest.raises(Trouble) as raised:
            async with speaking(connection, start, Spoken("legacy")) as (client, _):
                assert alive(start)
                connection.abort()
                await client.call_tool("echo", {"text": "a"})
        assert raised.value.code == "connection_lost"
    until(lambda: not alive(start), within=10)


async def test_all_that_was_started_for_a_run_can_be_ended(login: Login, me: Account) -> None:
    start = launch_of(put(me, "modern", modern()))
    async with connected(login) as connection:
        with pytest.raises(Trouble, match="does not answer"):
            async with speaking(connection, start) as (client, _):
                assert alive(start)
                await kill(connection, f"MCP_INSTALL_ID={start.run}")
                assert not alive(start)
                await client.call_tool("arguments", {})


# --- Over HTTP ------------------------------------------------------------------------------------
def over_http(me: Account, port: int, **more: Any) -> Launch:
    transport = {"type": "streamable-http", "url": f"http://localhost:{port}/mcp"}
    return launch_of(put(me, f"http{port}", modern(port=port)), transport=transport, **more)


async def test_a_server_on_a_port_is_reached_through_the_connection(
    login: Login, me: Account
) -> None:
    start = over_http(me, free_port())
    async with connected(login) as connection:
        async with speaking(connection, start) as (client, _):
            assert (await discovered(client)).name == "Sums"
            result: Any = await client.call_tool("add", {"a": 1, "b": 2})
            assert result.content[0].text == "3"
        async with speaking(connection, start, Spoken("legacy")) as (client, _):
            old = await discovered(client)
            assert (old.era, len(old.tools)) == ("legacy", 7)
            again = over_http(
                me, int(start.transport["url"].split(":")[2][:-4]), server=start.server
            )
            assert (await handshake.handshake(connection, again)).name == "Sums"
        foreign = over_http(me, login.port)
        with pytest.raises(Trouble) as raised:
            await handshake.handshake(connection, foreign)
        assert raised.value.code == "port_taken"
    until(lambda: not alive(start) and not alive(again), within=10)


async def test_a_list_of_tools_without_end_is_not_followed(login: Login, me: Account) -> None:
    endless = legacy().replace("page < 2", "True")
    trouble = await trouble_of(login, launch_of(put(me, "endless", endless)))
    assert (trouble.code, "no end" in str(trouble)) == ("server_babbles", True)
