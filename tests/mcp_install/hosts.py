"""Hosts that are really there, and servers to put on them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import connections
from pydantic import SecretStr

from mcp_install import catalogue, credentials, installs, run_log
from mcp_install.credentials import Given
from mcp_install.facts import Facts, Program
from mcp_install.models import AuthMethod, CatalogServer, Installation, SshHost
from mcp_install.tasks import install
from tests.sshd import Account, Sshd

# In the place of uv on a host: it "installs" a server that is told what to do by the name of its
# package, and takes no time.
UV = r"""#!/bin/sh
case $1 in
--version) echo "uv 0.9.9" ;;
venv)
  for last do :; done
  mkdir -p "$last/bin" && ln -s "$(command -v python3)" "$last/bin/python"
  echo "Using CPython"
  ;;
pip)
  python=$4
  for last do
    case $last in *==*) wanted=$last ;; esac
  done
  echo "Resolved 1 package"
  . "$HOME/.how-to-install"
  ;;
esac
"""

# A server that is older than the new protocol, of Python's own parts alone.
SERVER = r"""#!/usr/bin/env python3
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    answer = {"jsonrpc": "2.0", "id": asked["id"]}
    if asked["method"] == "initialize":
        answer["result"] = {
            "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "old", "version": "1"},
        }
    elif asked["method"] == "tools/list":
        schema = {"type": "object"}
        answer["result"] = {"tools": [{"name": "echo", "inputSchema": schema}]}
    else:
        answer["error"] = {"code": -32601, "message": "what?"}
    print(json.dumps(answer), flush=True)
"""
INSTALL = r"""
program="$(dirname "$python")/${wanted%%==*}"
cp "$HOME/.server" "$program" && chmod 700 "$program"
echo "Installed 1 package"
"""

# What people's builds start: a child, a daemon in a session of its own, what ignores signals.
STUBBORN = r"""
sleep 987 &
setsid sleep 986 &
setsid sh -c 'trap "" TERM HUP; while :; do sleep 985; done' &
trap "" TERM HUP
echo "working on it"
while :; do sleep 984; done
"""


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


def give_uv(someone: Account, how: str = INSTALL, server: str = SERVER) -> None:
    """Its home then has a uv that installs in this way."""
    write(someone, ".local/bin/uv", UV)
    write(someone, ".how-to-install", how)
    write(someone, ".server", server)


def write(someone: Account, name: str, text: str) -> None:
    """A file of theirs, in their home."""
    end = "END-OF-WHAT-IS-WRITTEN"
    someone.run(
        f'path="$HOME/{name}"; mkdir -p "$(dirname "$path")"\n'
        f'cat > "$path" <<\'{end}\'\n{text}\n{end}\nchmod 700 "$path"'
    )


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


def processes_of(install_id: str) -> list[int]:
    """The processes that a run started, by their ids; zombies are none."""
    found, mark = [], f"MCP_INSTALL_ID={install_id}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:
            continue
    return found
