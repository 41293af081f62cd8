"""Passwords and private keys as people paste them."""

import subprocess
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.contrib.auth.models import User
from pydantic import SecretStr

from mcp_install import credentials
from mcp_install.credentials import HELD_SECONDS, private_key
from mcp_install.models import AuthMethod, SshHost
from mcp_install.troubles import Trouble
from realtime.broker import broker
from tests.mcp_install.conftest import HostOf

FORMS = {
    "openssh": PrivateFormat.OpenSSH,
    "pkcs8": PrivateFormat.PKCS8,
    "traditional": PrivateFormat.TraditionalOpenSSL,
}


def pem(key: Any, form: str = "openssh", passphrase: str = "") -> str:
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, FORMS[form], lock).decode())


def refused(text: str, passphrase: str = "") -> Trouble:
    with pytest.raises(Trouble) as raised:
        private_key(SecretStr(text), SecretStr(passphrase))
    return raised.value


@pytest.fixture(scope="module")
def small_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "p256", "p521"])
def test_every_usual_key_is_unlocked_once_and_can_be_used(
    kind: str, form: str, passphrase: str, small_rsa: rsa.RSAPrivateKey
) -> None:
    keys: dict[str, Any] = {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "rsa": small_rsa,
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
    }
    if kind == "ed25519" and form == "traditional":
        form = "pkcs8"  # it has no other
    pasted = "\n  " + pem(keys[kind], form, passphrase).replace("\n", "\r\n")
    given = private_key(SecretStr(pasted), SecretStr(passphrase))
    used = asyncssh.import_private_key(given.private_key.get_secret_value())
    assert used.get_fingerprint() == asyncssh.import_private_key(pem(keys[kind])).get_fingerprint()
    assert "BEGIN" not in repr(given)


def test_a_key_of_ssh_keygen_can_be_used(tmp_path: Path) -> None:
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "correct horse", "-f", str(tmp_path / "key")]
    subprocess.run(made, check=True, timeout=30)
    text = (tmp_path / "key").read_text()
    assert private_key(SecretStr(text), SecretStr("correct horse")).private_key
    assert refused(text).code == "passphrase_needed"
    wrong = refused(text, "battery staple")
    assert (wrong.code, wrong.field) == ("bad_passphrase", "passphrase")
    assert "battery" not in str(wrong)
    public = refused((tmp_path / "key.pub").read_text())
    assert (public.code, "public half" in str(public)) == ("bad_key", True)


def test_a_passphrase_for_a_key_that_is_not_locked_does_no_harm() -> None:
    text = pem(ed25519.Ed25519PrivateKey.generate())
    assert private_key(SecretStr(text), SecretStr("needless")).private_key.get_secret_value()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("my password", "does not begin with -----BEGIN"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen KEY -O private-openssh"),
        ("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----", "the public half"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA", "its end is missing"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n-----END OPENSSH PRIVATE KEY-----",
         "it is damaged"),
        ("-----BEGIN PRIVATE KEY-----\n" + "A" * 40_000 + "\n-----END PRIVATE KEY-----",
         "longer than 32 KiB"),
    ],
)  # fmt: skip
def test_what_is_no_private_key_is_told_apart(text: str, words: str) -> None:
    trouble = refused(text)
    assert (trouble.code, trouble.field) == ("bad_key", "privateKey")
    assert words in str(trouble)


def test_keys_that_servers_of_today_refuse_are_refused_at_once() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    assert "fewer than 2048" in str(refused(pem(weak)))
    for key in (
        dsa.generate_private_key(2048),
        ed448.Ed448PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256K1()),
    ):
        assert refused(pem(key, "pkcs8")).code == "unsupported_key"


def test_a_key_whose_unlocking_would_take_minutes_is_refused(tmp_path: Path) -> None:
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "x", "-f", str(tmp_path / "key"), "-a"]
    subprocess.run([*made, "300"], check=True, timeout=60)
    assert "more than 256 rounds" in str(refused((tmp_path / "key").read_text(), "x"))


@pytest.mark.parametrize("text", ["", "a" * 1025, "a\0b"])
def test_what_is_no_password_is_refused(text: str) -> None:
    with pytest.raises(Trouble) as raised:
        credentials.password(SecretStr(text))
    assert (raised.value.code, raised.value.field) == ("bad_password", "password")


def test_what_is_asked_for_each_time_is_held_sealed_for_ten_minutes(
    ann: User, host_of: HostOf
) -> None:
    host = host_of(ann, password="", auth_method=AuthMethod.ASK)
    with pytest.raises(Trouble, match="This host asks each time"):
        credentials.of(host)
    credentials.hold(host, credentials.password(SecretStr("open sesame")))
    assert credentials.of(host).password.get_secret_value() == "open sesame"
    key = credentials._place(host)
    assert 0 < broker().ttl(key) <= HELD_SECONDS
    assert b"sesame" not in broker().get(key)  # type: ignore[operator]
    assert not bytes(SshHost.objects.get().password)
    credentials.let_go(host)
    with pytest.raises(Trouble, match="This host asks each time"):
        credentials.of(host)


def test_what_no_key_opens_is_asked_for_again(ann: User, host_of: HostOf) -> None:
    host, other = host_of(ann), host_of(ann, "other")
    host.password = other.password
    with pytest.raises(Trouble, match="Enter it again") as raised:
        credentials.of(host)
    assert raised.value.code == "credentials_lost"
