"""Hosts from the terminal."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from mcp_install import seal
from mcp_install.models import SshHost
from tests.sshd import Account, Sshd, running


def mcphosts(*arguments: str, owner: str = "ann") -> str:
    said = io.StringIO()
    call_command("mcphosts", *arguments, "--owner", owner, stdout=said)
    return said.getvalue()


def test_a_host_is_added_tested_and_trusted(
    worker: None, ann: User, sshd: Sshd, someone: Account
) -> None:
    key = str(sshd.folder / "client")
    where = f"{someone.name}@127.0.0.1:{sshd.port}"
    assert "is added" in mcphosts("add", "box", where, "--key", key)
    shown = mcphosts("test", "box")
    assert sshd.fingerprint("ed25519") in shown
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in shown
    with pytest.raises(CommandError, match="not the fingerprint"):
        mcphosts("trust", "box", "--fingerprint", "SHA256:nonsense")
    mcphosts("trust", "box", "--fingerprint", sshd.fingerprint("ed25519"))
    assert "let you in after" in mcphosts("test", "box")
    [line] = mcphosts("list", "--json").splitlines()
    told = json.loads(line)
    assert (told["name"], told["status"], told["facts"]["user"]) == ("box", "READY", someone.name)
    assert "READY" in mcphosts("list")
    mcphosts("remove", "box")
    assert mcphosts("list", "--json") == ""


def test_a_changed_key_is_confirmed_with_the_owner_s_password(
    worker: None, ann: User, someone: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as server:
        where = f"{someone.name}@127.0.0.1:{server.port}"
        mcphosts("add", "box", where, "--key", str(server.folder / "client"))
        mcphosts("test", "box")
        mcphosts("trust", "box", "--fingerprint", server.fingerprint())
        server.new_host_key()
        with pytest.raises(CommandError, match="another key than the one you confirmed"):
            mcphosts("test", "box")
        confirm = ("trust", "box", "--fingerprint", server.fingerprint())
        monkeypatch.setattr("sys.stdin", io.StringIO("wrong\n"))
        with pytest.raises(CommandError, match="your own password"):
            mcphosts(*confirm)
        monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
        assert "is trusted" in mcphosts(*confirm)


def test_what_lets_in_is_read_from_standard_input(
    ann: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("open sesame\n"))
    assert "sesame" not in mcphosts("add", "one", "me@192.0.2.7", "--password")
    one = SshHost.objects.get(name="one")
    assert (one.port, seal.take(one, "password").get_secret_value()) == (22, "open sesame")
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "horse", "-f", str(tmp_path / "key")]
    subprocess.run(made, check=True, timeout=30)
    monkeypatch.setattr("sys.stdin", io.StringIO("horse\n"))
    mcphosts("add", "two", "me@[2001:db8::1]:2222", "--key", str(tmp_path / "key"), "--jump", "one")
    two = SshHost.objects.get(name="two")
    assert (two.hostname, two.port, two.jump) == ("2001:db8::1", 2222, one)
    mcphosts("add", "three", "me@2001:db8::1", "--ask")
    three = SshHost.objects.get(name="three")
    assert (three.hostname, three.port, three.auth_method) == ("2001:db8::1", 22, "ask")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("test",), "Say which"),
        (("add", "box"), "Say where"),
        (("add", "box", "192.0.2.7", "--ask"), "Say where"),
        (("add", "box", "me@192.0.2.7:x", "--ask"), "Say where"),
        (("add", "box", "me@192.0.2.7"), "give a password, a privateKey, or ask"),
        (("add", "box", "me@192.0.2.7", "--key", "/nowhere"), "cannot be read"),
        (("add", "box", "me@192.0.2.7", "--ask", "--jump", "x"), "has no host x"),
        (("test", "box"), "has no host box"),
        (("trust", "other"), "Give the --fingerprint"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    ann: User, bob: User, host_of: Any, arguments: tuple[str, ...], words: str
) -> None:
    host_of(ann, "other")
    host_of(bob, "box")
    with pytest.raises(CommandError, match=words):
        mcphosts(*arguments)
    with pytest.raises(CommandError, match="There is no user nobody"):
        mcphosts(*arguments, owner="nobody")
