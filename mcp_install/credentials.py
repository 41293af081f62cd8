"""What lets a person into a host: checked when it is given, sealed, and opened for a worker alone.

A private key is unlocked with its passphrase once and kept without, sealed like everything here: to
keep the passphrase beside it would protect nothing, and deriving keys from it takes a second.

With `ask`, nothing is in the host's row. What is given lasts ten minutes, sealed, on the broker's
server, so that a test, a look into folders and an installation can follow one question.
"""

import json
import struct
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from pydantic import SecretStr

from mcp_install import seal
from mcp_install.models import AuthMethod, SshHost
from mcp_install.troubles import Trouble
from realtime.broker import broker

HELD_SECONDS = 600
MOST_KEY = 32 * 1024  # characters
MOST_PASSWORD = 1024
LEAST_RSA = 2048  # bits
MOST_ROUNDS = 256  # of bcrypt: 16 is usual, and a second of work is 100 or so
_NOTHING = SecretStr("")


@dataclass(frozen=True)
class Given:
    """A password or an unlocked private key; the other one is empty."""

    password: SecretStr = _NOTHING
    private_key: SecretStr = _NOTHING


def password(text: SecretStr) -> Given:
    """Raises Trouble."""
    plain = text.get_secret_value()
    if not plain:
        raise Trouble("bad_password", "it is empty", field="password")
    if len(plain) > MOST_PASSWORD or "\0" in plain:
        raise Trouble(
            "bad_password", f"at most {MOST_PASSWORD} characters of text", field="password"
        )
    return Given(password=text)


def private_key(text: SecretStr, passphrase: SecretStr = _NOTHING) -> Given:
    """The key, unlocked. Raises Trouble."""
    plain = text.get_secret_value().strip().replace("\r\n", "\n") + "\n"
    _check_form(plain)
    secret = passphrase.get_secret_value().encode() or None
    load = load_ssh_private_key if "BEGIN OPENSSH" in plain else load_pem_private_key
    try:
        key: Any = load(plain.encode(), secret)
    except TypeError:
        if secret:  # it is not locked, and the passphrase was for nothing
            return private_key(text)
        raise Trouble("passphrase_needed", field="passphrase") from None
    except UnsupportedAlgorithm as error:
        raise Trouble("unsupported_key", str(error), field="privateKey") from None
    except ValueError:
        if secret:
            raise Trouble("bad_passphrase", field="passphrase") from None
        raise Trouble("bad_key", "it is damaged", field="privateKey") from None
    _check_kind(key)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return Given(private_key=SecretStr(pem.decode()))


def _check_form(plain: str) -> None:
    """What people paste instead of a private key."""
    wrong = ""
    if not plain.strip():
        raise Trouble("bad_key", "it is empty", field="privateKey")
    if len(plain) > MOST_KEY:
        wrong = f"it is longer than {MOST_KEY // 1024} KiB"
    elif plain.startswith("PuTTY-User-Key-File"):
        wrong = "it is in PuTTY's format; convert it with: puttygen KEY -O private-openssh -o NEW"
    elif plain.startswith(("ssh-", "ecdsa-", "sk-")) or "PUBLIC KEY-----" in plain:
        wrong = "it is the public half"
    elif "-----BEGIN" not in plain or "PRIVATE KEY-----" not in plain:
        wrong = "it does not begin with -----BEGIN … PRIVATE KEY-----"
    elif "-----END" not in plain:
        wrong = "its end is missing"
    elif _rounds(plain) > MOST_ROUNDS:
        wrong = f"unlocking it takes more than {MOST_ROUNDS} rounds"
    if wrong:
        raise Trouble("bad_key", wrong, field="privateKey")


def _rounds(plain: str) -> int:
    """How often bcrypt is to run, as an OpenSSH key says: a huge number would keep us busy."""
    if "BEGIN OPENSSH" not in plain:
        return 0
    try:
        body = b64decode("".join(line for line in plain.splitlines() if "-----" not in line))
        rest = body.removeprefix(b"openssh-key-v1\0")
        for _ in range(2):  # cipher, kdf
            rest = rest[4 + struct.unpack(">I", rest[:4])[0] :]
        options = rest[4 : 4 + struct.unpack(">I", rest[:4])[0]]
        return struct.unpack(">I", options[-4:])[0] if options else 0
    except (NotBase64, ValueError, struct.error):
        return 0


def _check_kind(key: Any) -> None:
    if isinstance(key, dsa.DSAPrivateKey):
        raise Trouble("unsupported_key", "DSA", field="privateKey")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < LEAST_RSA:
        words = f"RSA of {key.key_size} bits, fewer than {LEAST_RSA}"
        raise Trouble("unsupported_key", words, field="privateKey")
    known = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)
    usual = {"secp256r1", "secp384r1", "secp521r1"}
    odd_curve = isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name not in usual
    if odd_curve or not isinstance(key, known):
        raise Trouble("unsupported_key", type(key).__name__, field="privateKey")


# --- Kept in the row ----------------------------------------------------------------------------
def keep(host: SshHost, given: Given) -> None:
    """Seal what was given into the row, which is not saved yet; what it held before is gone."""
    seal.put(host, "password", given.password)
    seal.put(host, "private_key", given.private_key)


# --- Held for ten minutes -----------------------------------------------------------------------
def hold(host: SshHost, given: Given) -> None:
    """For a host that asks each time. Raises redis.RedisError."""
    values = [given.password.get_secret_value(), given.private_key.get_secret_value()]
    sealed = seal.seal(_place(host), SecretStr(json.dumps(values)))
    broker().set(_place(host), sealed, ex=HELD_SECONDS)


def are_needed(host: SshHost) -> bool:
    """Must somebody give them before the host can be used? Raises redis.RedisError."""
    if host.auth_method != AuthMethod.ASK:
        return False
    return not broker().exists(_place(host))


def let_go(host: SshHost) -> None:
    """What is held is forgotten at once. Raises redis.RedisError."""
    broker().delete(_place(host))


def of(host: SshHost) -> Given:
    """What lets in. Raises Trouble."""
    try:
        return _held(host) if host.auth_method == AuthMethod.ASK else _kept(host)
    except seal.CannotOpen:
        raise Trouble("credentials_lost", host.name) from None


def _kept(host: SshHost) -> Given:
    return Given(seal.take(host, "password"), seal.take(host, "private_key"))


def _held(host: SshHost) -> Given:
    sealed: Any = broker().get(_place(host))
    if not sealed:
        raise Trouble("credentials_needed", host.name)
    values = json.loads(seal.unseal(_place(host), sealed).get_secret_value())
    return Given(*map(SecretStr, values))


def _place(host: SshHost) -> str:
    return f"mcp:held:{host.pk}"
