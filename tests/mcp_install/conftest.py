"""Hosts of ann's, in rows alone and as real servers."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pydantic import SecretStr

from mcp_install import ask_worker, seal, warm
from mcp_install.login import Login
from mcp_install.models import AuthMethod, SshHost
from mcp_install.tasks import answer_look
from realtime import ask, background
from tests.sshd import Account, Sshd, account, running
from tests.stack import until

HostOf = Callable[..., SshHost]


@pytest.fixture
def host_of() -> HostOf:
    """A host with a password, in its row alone."""

    def make(owner: User, name: str = "box", password: str = "open sesame", **more: Any) -> SshHost:
        fields = {"hostname": "192.0.2.7", "username": "me", "auth_method": AuthMethod.PASSWORD}
        host = SshHost(owner=owner, name=name, **(fields | more))
        seal.put(host, "password", SecretStr(password))
        host.save()
        return host

    return make


@pytest.fixture(scope="session")
def someone() -> Iterator[Account]:
    """An account on this machine, with bash."""
    with account() as made:
        yield made


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """A server with three kinds of keys, for all tests that leave it as it is."""
    kinds = ("rsa", "ecdsa", "ed25519")
    with running(kinds=kinds) as server:
        yield server


@pytest.fixture
def login(sshd: Sshd, someone: Account) -> Login:
    return login_to(sshd, someone)


def login_to(sshd: Sshd, someone: Account, kind: str = "ed25519", **more: Any) -> Login:
    """How to get into the server, its key of this kind being confirmed."""
    host_key = " ".join((sshd.folder / f"host_{kind}.pub").read_text().split()[:2])
    fields = {
        "host_id": uuid.uuid4(),
        "name": "box",
        "hostname": "127.0.0.1",
        "port": sshd.port,
        "username": someone.name,
        "host_key": host_key,
        "password": SecretStr(""),
        "private_key": SecretStr(sshd.key),
    }
    return Login(**(fields | more))


@pytest.fixture
def worker(transactional_db: None, valkey: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remote end of what the web process asks: a worker that takes each task at once."""

    class Broker:
        def send_task(self, name: str, args: list[Any], queue: str, expires: int) -> None:
            assert (name, queue) == (ask_worker.TASK, "ssh")
            args = json.loads(json.dumps(args))  # as the broker carries them
            threading.Thread(target=work, args=args).start()

    def work(*args: Any) -> None:
        answer_look(*args)
        connections.close_all()

    monkeypatch.setattr(ask, "current_app", Broker())


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """No server is kept for the next test."""

    async def end() -> None:
        for one in list(warm._kept.values()):
            one.end()

    yield
    if warm._kept:
        background.run(end())
    until(lambda: not warm._kept)


def new_host(sshd: Sshd, someone: Account, **more: Any) -> dict[str, Any]:
    """What is posted to add the server as a host."""
    place = {"name": "box", "hostname": "127.0.0.1", "port": sshd.port}
    return place | {"username": someone.name, "auth": {"privateKey": sshd.key}} | more
