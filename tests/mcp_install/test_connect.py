"""Signing in to real servers: to confirmed keys alone, within time limits, in words."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr
from pytest_django import Settings

from mcp_install import connect, host_keys
from mcp_install.connect import connected, fetch_host_key
from mcp_install.login import Login
from mcp_install.troubles import Trouble
from tests.mcp_install.conftest import login_to
from tests.sshd import PASSWORD, Account, Sshd, only_root, running

NOTHING = SecretStr("")


async def trouble_of(login: Login) -> Trouble:
    with pytest.raises(Trouble) as raised:
        async with connected(login):
            pass
    return raised.value


async def who(login: Login) -> str:
    async with connected(login) as connection:
        return str((await connection.run("id -un")).stdout).strip()


async def test_a_host_s_key_is_seen_without_signing_in(login: Login, sshd: Sshd) -> None:
    nobody = replace(login, host_key="", username="nobody-here", private_key=NOTHING)
    key, milliseconds = await fetch_host_key(nobody)
    assert host_keys.fingerprint(key) == sshd.fingerprint("ed25519")
    assert host_keys.kind(key) == "ED25519"
    assert "host_ed25519_key.pub" in host_keys.how_to_compare(key)
    assert milliseconds > 0
    assert "nobody-here" not in sshd.log()


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_the_confirmed_key_is_asked_for_by_its_kind(
    sshd: Sshd, someone: Account, kind: str
) -> None:
    login = login_to(sshd, someone, kind)
    assert host_keys.fingerprint(login.host_key) == sshd.fingerprint(kind)
    assert await who(login) == someone.name


async def test_nobody_signs_in_to_a_key_that_is_not_confirmed(login: Login) -> None:
    assert (await trouble_of(replace(login, host_key=""))).code == "host_key_unknown"


@only_root
async def test_a_password_lets_in(login: Login, someone: Account) -> None:
    by_password = replace(login, private_key=NOTHING, password=SecretStr(PASSWORD))
    assert await who(by_password) == someone.name
    wrong = await trouble_of(replace(by_password, password=SecretStr("wrong")))
    assert wrong.code == "auth_failed"
    assert str(wrong).startswith(f"The host does not let you in: as {someone.name}. Check the user")


async def test_a_user_that_is_not_there_is_not_let_in(login: Login) -> None:
    assert (await trouble_of(replace(login, username="nobody-here"))).code == "auth_failed"


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
async def test_a_changed_key_stops_everything_before_anything_is_sent(
    someone: Account, kind: str
) -> None:
    with running() as server:
        login, old = login_to(server, someone), server.fingerprint()
        server.new_host_key(kind)
        trouble = await trouble_of(login)
        assert trouble.code == "host_key_changed", str(trouble)
        assert old in str(trouble)
        assert server.fingerprint(kind) in str(trouble)
        assert host_keys.fingerprint(trouble.facts["offered_key"]) == server.fingerprint(kind)
        assert someone.name not in server.log()


async def test_a_host_behind_another_is_reached_through_it(login: Login, sshd: Sshd) -> None:
    behind = replace(login, jump=login)
    assert await who(behind) == login.username
    shown, _ = await fetch_host_key(replace(behind, host_key=""))
    assert host_keys.fingerprint(shown) == sshd.fingerprint("ed25519")


async def test_the_jump_host_s_trouble_is_told_as_its_own(login: Login) -> None:
    jump = replace(login, name="gate", username="nobody-here")
    trouble = await trouble_of(replace(login, jump=jump))
    assert (trouble.code, trouble.facts["cause"]) == ("jump_failed", "auth_failed")
    assert "gate" in str(trouble)
    nowhere = replace(login, jump=login, port=unused_port())
    assert (await trouble_of(nowhere)).code == "connection_refused"


def unused_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def listener(says: bytes) -> Iterator[int]:
    """Something at a port that is no SSH server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                    kept.append(line)
                    line.sendall(says)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for line in kept:
            line.close()


async def test_where_nothing_listens_is_said(login: Login) -> None:
    trouble = await trouble_of(replace(login, port=unused_port()))
    assert trouble.code == "connection_refused"
    assert "SSH server running" in str(trouble)


async def test_what_is_silent_is_not_waited_for(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "SIGN_IN_SECONDS", 0.5)
    with listener(b"") as port:
        assert (await trouble_of(replace(login, port=port))).code == "timeout"


@pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50, b"x" * 70_000 + b"\n"])
async def test_what_is_no_ssh_server_is_told(
    login: Login, says: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "SIGN_IN_SECONDS", 2)
    with listener(says) as port:
        assert (await trouble_of(replace(login, port=port))).code in ("ssh_error", "timeout")


async def test_an_unknown_name_is_told(login: Login) -> None:
    assert (await trouble_of(replace(login, hostname="no.such.host.invalid"))).code == "dns_failed"
    assert (await trouble_of(replace(login, hostname="bad..name"))).code == "dns_failed"


async def test_an_address_that_is_refused_is_not_connected_to(
    login: Login, sshd: Sshd, settings: Settings
) -> None:
    settings.MCP_SSH_ALLOW_PRIVATE = False
    assert (await trouble_of(login)).code == "target_refused"
    with pytest.raises(Trouble, match="not allowed"):
        await fetch_host_key(login)


async def test_a_connection_that_is_given_up_leaves_nothing(login: Login) -> None:
    before = {task for task in asyncio.all_tasks() if not task.done()}
    async with connected(login) as connection:
        assert not connection.is_closed()
    assert connection.is_closed()
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() if not task.done()} == before
