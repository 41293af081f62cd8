"""What is in the place of uv on the hosts of tests, and what they started. It needs no Django."""

from pathlib import Path

from tests.sshd import Account

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
