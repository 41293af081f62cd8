"""What a host is and has, asked by scripts that only look: nothing is started that could stay.

Lines that begin with a nonce are ours; whatever start-up files print besides is passed over.
"""

import secrets
from dataclasses import dataclass

from mcp_install import shell
from mcp_install.connect import Connection
from mcp_install.facts import Facts, Program
from mcp_install.troubles import Trouble

SECONDS = 20
SYSTEMS = ("Linux", "Darwin")
OLDEST_PYTHON = (3, 10)  # that MCP servers run on
LEAST_FREE_MB = 200

_SAY = r"""
nonce=$1
say() { printf '%s %s %s\n' "$nonce" "$1" "$2"; }
first() { "$@" 2>/dev/null </dev/null | head -n 1; }
free() { df -Pk -- "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'; }
"""

PROBE = (
    shell.USUAL_PLACES
    + _SAY
    + r"""
say system "$(uname -s)"
say arch "$(uname -m)"
release() { . /etc/os-release && printf %s "$PRETTY_NAME"; }
say name "$( (release) 2>/dev/null || first sw_vers -productVersion)"
say user "$(id -un)"
say uid "$(id -u)"
say home "$HOME"
say shell "$SHELL"
say free "$(free "$HOME")"
for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
  path=$(command -v "$name") || continue
  say python "$("$path" -c '
import sys
try:
    import venv, ensurepip
    ensurepip.version()
    ok = "venv"
except Exception:
    ok = "bare"
sys.stdout.write("%d.%d.%d %s" % (tuple(sys.version_info[:3]) + (ok,)))
' 2>/dev/null </dev/null) $path"
done
for name in uv node npm docker git; do
  path=$(command -v "$name") || continue
  say "$name" "$(first "$path" --version) $path"
done
say end yes
"""
)

PLACE = (
    _SAY
    + r"""
base=$2
if [ -d "$base" ]; then say kind folder
elif [ -e "$base" ] || [ -L "$base" ]; then say kind other
else say kind missing
fi
while [ ! -d "$base" ]; do
  if [ -e "$base" ] || [ -L "$base" ]; then say blocked yes; break; fi
  base=$(dirname -- "$base")
done
say base "$(cd -P -- "$base" 2>/dev/null && pwd -P)"
say free "$(free "$base")"
if [ -w "$base" ] && [ -x "$base" ]; then
  say writable yes
  try="$base/.mcp-install-$nonce"
  if (umask 077; printf '#!/bin/sh\nexit 0\n' > "$try") 2>/dev/null && chmod 700 "$try"; then
    if "$try" 2>/dev/null; then say runs yes; fi
  fi
  rm -f -- "$try"
fi
say end yes
"""
)


@dataclass(frozen=True)
class Place:
    """A folder that may not be there yet. `base` is the nearest one that is, without links."""

    kind: str  # folder, other or missing
    base: str
    free_mb: int | None
    is_blocked: bool  # something that is no folder is in its way
    is_writable: bool
    runs_programs: bool


async def probe(connection: Connection) -> Facts:
    """Raises Trouble."""
    said = await _ask(connection, PROBE)
    one = {name: values[0] for name, values in said.items()}
    if one.get("system") not in SYSTEMS:
        raise Trouble("unsupported_system", one.get("system", ""))
    version, path, has_venv = _best_python(said.get("python", []))
    programs = {name: _program(one[name]) for name in ("uv", "node", "npm", "docker", "git")
                if name in one}  # fmt: skip
    return Facts(
        system=one["system"],
        arch=one.get("arch", ""),
        name=one.get("name", ""),
        user=one.get("user", ""),
        home=one.get("home", ""),
        shell=one.get("shell", ""),
        free_mb=_megabytes(one),
        is_root=one.get("uid") == "0",
        has_venv=has_venv,
        python=Program(version, path) if path else None,
        **programs,
    )


async def look_at(connection: Connection, directory: str | bytes) -> Place:
    """Can something be put into this folder? Raises Trouble."""
    said = {name: values[0] for name, values in (await _ask(connection, PLACE, directory)).items()}
    return Place(
        kind=said.get("kind", "missing"),
        base=said.get("base", ""),
        free_mb=_megabytes(said),
        is_blocked="blocked" in said,
        is_writable="writable" in said,
        runs_programs="runs" in said,
    )


def check(place: Place, directory: str) -> None:
    """Raises Trouble unless a server can be installed into the place."""
    if place.kind == "other" or place.is_blocked:
        raise Trouble("not_a_directory", directory)
    if not place.is_writable:
        raise Trouble("dir_not_writable", place.base or directory)
    if place.free_mb is not None and place.free_mb < LEAST_FREE_MB:
        raise Trouble("disk_space", f"{place.free_mb} MB, of {LEAST_FREE_MB} that are needed")
    if not place.runs_programs:
        raise Trouble("noexec", place.base)


async def _ask(
    connection: Connection, script: str, *arguments: str | bytes
) -> dict[str, list[str]]:
    nonce = secrets.token_hex(8)
    line = shell.command(script, nonce, *arguments)
    output = await shell.run(connection, line, seconds=SECONDS)
    said: dict[str, list[str]] = {}
    for told in output.stdout.decode("utf-8", "replace").splitlines():
        if told.startswith(f"{nonce} "):
            name, _, value = told.removeprefix(f"{nonce} ").partition(" ")
            said.setdefault(name, []).append(value.strip())
    if "end" not in said:
        tail = (output.stderr or output.stdout)[-300:].decode("utf-8", "replace").strip()
        raise Trouble("probe_failed", tail or f"exit status {output.status}")
    return said


def _program(told: str) -> Program:
    """`uv 0.9.1 (…) /usr/bin/uv`: the first word with a digit is the version."""
    words, _, path = told.rpartition(" /")
    version = next((word for word in words.split() if any(c.isdigit() for c in word)), "")
    return Program(version.strip("v,"), f"/{path}")


def _best_python(told: list[str]) -> tuple[str, str, bool]:
    """Version, path, and whether it makes environments: the first that does, else the first that is
    new enough."""
    found = []
    for line in told:
        version, _, rest = line.partition(" ")
        ok, _, path = rest.partition(" ")
        numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
        if numbers >= OLDEST_PYTHON and path.startswith("/"):
            found.append((version, path, ok == "venv"))
    return next((one for one in found if one[2]), found[0] if found else ("", "", False))


def _megabytes(said: dict[str, str]) -> int | None:
    free = said.get("free", "")
    return int(free) // 1024 if free.isdecimal() else None
