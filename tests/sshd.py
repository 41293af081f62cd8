"""A real SSH server on loopback, with throw-away keys; as root, with an account of its own.

Not as root, sshd lets in nobody but the one who runs it, by key alone.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from demo.stack import free_port

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
PASSWORD = "open sesame, please"
IS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root makes accounts")


@dataclass(frozen=True)
class Account:
    """Somebody on this machine who can be signed in as."""

    name: str
    home: Path

    def run(self, script: str) -> str:
        """What a shell script says, run as the account."""
        as_them = ["runuser", "-u", self.name, "--"] if IS_ROOT else []
        done = subprocess.run(
            [*as_them, "/bin/sh", "-c", script],
            cwd=self.home, check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    def change_shell(self, shell: str) -> None:
        """Sign in with another login shell from now on; as root alone."""
        _do("usermod", "--shell", shell, self.name)


@contextmanager
def account(shell: str = "/bin/bash") -> Iterator[Account]:
    """As root a new one, gone afterwards; else whoever runs the tests."""
    if not IS_ROOT:
        me = pwd.getpwuid(os.geteuid())
        yield Account(me.pw_name, Path(me.pw_dir))
        return
    name = f"mcp{os.getpid()}x{time.monotonic_ns() % 100_000}"
    _do("useradd", "--create-home", "--shell", shell, name)
    try:
        _do("chpasswd", stdin=f"{name}:{PASSWORD}")
        yield Account(name, Path(pwd.getpwnam(name).pw_dir))
    finally:
        _end_all_of(name)
        _do("userdel", "--remove", "--force", name)


def _end_all_of(name: str) -> None:
    """Whatever still runs as the account, which is nobody's but ours."""
    uid = pwd.getpwnam(name).pw_uid
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and entry.stat().st_uid == uid:
                os.kill(int(entry.name), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            continue


def _do(*command: str, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"


class Sshd:
    """One server. `key` is the private key that lets in whoever has an account."""

    def __init__(
        self, folder: Path, kinds: tuple[str, ...] = ("ed25519",), options: str = ""
    ) -> None:
        assert SSHD, "sshd is missing: sudo apt-get install openssh-server"
        self.folder, self.kinds, self.options = folder, kinds, options
        self.port = free_port()
        self.key = self._make_key("client")
        public = (folder / "client.pub").read_text()
        (folder / "authorized_keys").write_text(public)
        folder.chmod(0o711)  # sshd reads as the account
        (folder / "authorized_keys").chmod(0o644)
        if IS_ROOT:
            Path("/run/sshd").mkdir(exist_ok=True)
        for kind in kinds:
            self._make_key(f"host_{kind}", kind)
        self.start()

    def _make_key(self, name: str, kind: str = "ed25519") -> str:
        path = self.folder / name
        _do("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path))
        return path.read_text()

    def new_host_key(self, kind: str = "ed25519") -> None:
        """Restart with another key of this kind, and of no other."""
        self.stop()
        for path in self.folder.glob("host_*"):
            path.unlink()
        self.kinds = (kind,)
        self._make_key(f"host_{kind}", kind)
        self.start()

    def fingerprint(self, kind: str = "ed25519") -> str:
        """As a person reads it at the host's own screen."""
        shown = subprocess.run(
            ["ssh-keygen", "-lf", str(self.folder / f"host_{kind}.pub")],
            check=True, capture_output=True, text=True, timeout=10,
        )  # fmt: skip
        return shown.stdout.split()[1]

    def start(self) -> None:
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            *(f"HostKey {self.folder}/host_{kind}" for kind in self.kinds),
            f"PidFile {self.folder}/pid",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "StrictModes no",
            "UsePAM no",
            "PrintMotd no",
            "MaxStartups 100",
            "PermitRootLogin yes",
            self.options or "Subsystem sftp internal-sftp",
        ]
        (self.folder / "config").write_text("\n".join(lines) + "\n")
        command = [str(SSHD), "-D", "-f", str(self.folder / "config"), "-E"]
        self.process = subprocess.Popen([*command, str(self.folder / "log")])
        deadline = time.monotonic() + 15
        while "Server listening" not in self.log():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def cut(self) -> None:
        """Gone at once, with all its connections, but not what was started through them."""
        own = psutil.Process(self.process.pid)
        servers = [p for p in own.children(recursive=True) if p.name().startswith("sshd")]
        for process in (own, *servers):
            process.kill()
        self.process.wait(10)
        (self.folder / "log").unlink(missing_ok=True)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        (self.folder / "log").unlink(missing_ok=True)


@contextmanager
def running(**options: Any) -> Iterator[Sshd]:
    """A server, ended afterwards. Its folder is not one of pytest's, which are root's alone."""
    with TemporaryDirectory(prefix="sshd-") as folder:
        server = Sshd(Path(folder), **options)
        try:
            yield server
        finally:
            server.stop()
