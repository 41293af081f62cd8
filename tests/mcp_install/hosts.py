"""Hosts that are really there, and servers to put on them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import connections
from pydantic import SecretStr

from mcp_install import catalogue, credentials, installs, run_log
from mcp_install.credentials import Given
from mcp_install.facts import Facts, Program
from mcp_install.models import AuthMethod, CatalogServer, Installation, SshHost
from mcp_install.tasks import install
from tests.mcp_install.remote_uv import give_uv as give_uv
from tests.mcp_install.remote_uv import processes_of
from tests.mcp_install.remote_uv import write as write
from tests.sshd import Account, Sshd


def host_at(owner: User, sshd: Sshd, someone: Account, **facts: Any) -> SshHost:
    """A row for the server, confirmed and tested; the account has the uv above."""
    key = " ".join((sshd.folder / "host_ed25519.pub").read_text().split()[:2])
    host = SshHost(
        owner=owner, name="box", hostname="127.0.0.1", port=sshd.port, username=someone.name,
        auth_method=AuthMethod.KEY, host_key=key,
    )  # fmt: skip
    credentials.keep(host, Given(private_key=SecretStr(sshd.key)))
    home = str(someone.home)
    usual = {"uv": Program("0.9.9", f"{home}/.local/bin/uv"), "python": None, "npm": None}
    known = {"system": "Linux", "arch": "x86_64", "name": "Debian", "user": someone.name}
    more = {"home": home, "shell": "/bin/bash", "free_mb": 9999}
    host.facts = Facts(**(known | more | usual | facts)).as_json()
    host.save()
    return host


def begun(
    owner: User, host: SshHost, server: str = "time", directory: str = "~/mcp", **wish: Any
) -> Installation:
    """A run that waits for a worker."""
    if not CatalogServer.objects.exists():
        catalogue.load_shipped()
    entry = catalogue.find(owner, server, "")
    return installs.begin(owner, installs.planned(host, entry, directory, **wish))


@contextmanager
def at_work(run: Installation) -> Iterator[threading.Thread]:
    """A worker that has taken the run up, in a thread of its own; at the end it is done."""

    def work() -> None:
        install(str(run.job_id))
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield thread
    thread.join(60)
    assert not thread.is_alive()


def done(run: Installation) -> Installation:
    """The run, after a worker has done it."""
    with at_work(run):
        pass
    return fresh(run)


def fresh(run: Installation) -> Installation:
    return Installation.objects.select_related("job", "server").get(pk=run.pk)


def log_of(run: Installation) -> str:
    return "".join(piece.text for piece in run_log.pieces(run))


def marked(run: Installation) -> list[int]:
    return processes_of(str(run.pk))
