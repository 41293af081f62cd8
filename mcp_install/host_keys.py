"""The public keys that hosts show, as in `known_hosts`: type and base64."""

import base64
import hashlib

_NAMES = {
    "ssh-ed25519": "ED25519",
    "ssh-rsa": "RSA",
    "ecdsa-sha2-nistp256": "ECDSA",
    "ecdsa-sha2-nistp384": "ECDSA",
    "ecdsa-sha2-nistp521": "ECDSA",
}
ALGORITHMS = [*(kind for kind in _NAMES if kind != "ssh-rsa"), "rsa-sha2-512", "rsa-sha2-256"]
_FILES = {"ED25519": "ed25519", "RSA": "rsa", "ECDSA": "ecdsa"}


def fingerprint(key: str) -> str:
    """As `ssh-keygen -lf` says it: `SHA256:` and base64 without its end."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def kind(key: str) -> str:
    """As `ssh-keygen -lf` says it, such as ED25519."""
    return _NAMES.get(key.split()[0], key.split()[0])


def described(key: str) -> str:
    """Fingerprint and kind."""
    return f"{fingerprint(key)} ({kind(key)})"


def algorithms(key: str) -> list[str]:
    """Those that a host proves to have this key with."""
    name = key.split()[0]
    return ["rsa-sha2-512", "rsa-sha2-256"] if name == "ssh-rsa" else [name]


def how_to_compare(key: str) -> str:
    """What to run on the host itself; it prints the fingerprint."""
    name = _FILES.get(kind(key), "*")
    return f"ssh-keygen -lf /etc/ssh/ssh_host_{name}_key.pub"
