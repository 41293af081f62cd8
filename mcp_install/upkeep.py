"""What is done to a server that is installed: it is checked, rolled back, uninstalled. Each is the
work of a run, as `mcp_install.run` has it.
"""

import uuid

from django.db.models import F

from mcp_install import servers
from mcp_install.build_scripts import ACTIVATE, STATUSES
from mcp_install.builds import launch_of
from mcp_install.handshake import Discovered, handshake
from mcp_install.install import keep_found, retire
from mcp_install.look import OF_THE_HOST
from mcp_install.models import Installation, McpServer, State
from mcp_install.run import Run
from mcp_install.tidy import KILL
from mcp_install.troubles import Trouble
from realtime.background import in_thread
from realtime.models import Job

# `$1` is a nonce, `$2` the server's folder. Takes away what is marked as ours, links left
# unfollowed, and then the folders that this leaves empty; says what stays.
REMOVE_ALL = r"""
nonce=$1; root=$2
[ -e "$root" ] || exit 0
if [ -L "$root" ] || [ ! -f "$root/.mcp-install.json" ]; then exit 76; fi
cd -- "$root" || exit 72
holder=$(cat .mcp-install.lock/pid 2>/dev/null)
if [ -n "$holder" ] && kill -0 "$holder" 2>/dev/null; then exit 75; fi
if [ ! -L versions ]; then
  for build in versions/*; do
    if [ ! -L "$build" ] && [ -f "$build/.mcp-install.json" ]; then
      rm -rf -- "$build" || exit 72
    fi
  done
fi
if [ -L current ]; then rm -f -- current; fi
rm -rf -- .mcp-install.lock
rmdir -- versions 2>/dev/null
kept() {
  ls -A | grep -vxF -e .mcp-install.json -e versions
  if [ -d versions ]; then ls -A versions; fi
}
if [ -n "$(kept)" ]; then
  kept | head -n 5 | while IFS= read -r name; do printf '%s %s\n' "$nonce" "$name"; done
  exit 0
fi
rm -f -- .mcp-install.json
cd / && rmdir -- "$root" || exit 72
"""


async def check(run: Run) -> str:
    """Start the build in use anew; READY or BROKEN, by what it does."""
    build = await in_thread(_build, run.server.pk, "active")
    try:
        found = await _speak(run, build)
    except Trouble as trouble:
        code = trouble.code
        if code not in OF_THE_HOST:
            await run.keep(lambda _: _broken(run, code))
        raise

    def write(_: Job) -> None:
        keep_found(_locked(run), found)
        _is_tidy(run)

    await run.keep(write)
    return f"{run.server.title} answers: {_tools(found)}"


async def roll_back(run: Run) -> str:
    """Use the build before, once it has answered. Until then the other one stays in use."""
    active = await in_thread(_build, run.server.pk, "active")
    if active.build == run.installation.build:
        return f"{run.server.title} {active.version} is in use again"  # an attempt before was here
    build = await in_thread(_build, run.server.pk, "previous")
    found = await _speak(run, build)
    await run.at("VERIFYING", 99, "Making it the one in use")
    await run.settle()
    root = f"{run.server.directory}/{run.server.slug}"
    output = await run.ask(ACTIVATE, root, str(run.installation.pk), build.build, active.build)
    if output.status != 0:
        raise Trouble(STATUSES.get(output.status or 0, "file_error"), root)

    def write(_: Job) -> None:
        server = _locked(run)
        server.active, server.previous = build, active
        keep_found(server, found)
        _is_tidy(run)

    await run.keep(write, also_cancelled=True)
    await retire(run, active)
    return f"{run.server.title} {build.version} is in use again: {_tools(found)}"


async def uninstall(run: Run) -> str:
    """Take away the folders that an installation made, and nothing else."""
    await run.at("EXECUTING", 30, "Ending its processes")
    await run.ask(KILL, f"MCP_SERVER_ID={run.server.pk}")
    await run.at("EXECUTING", 50, "Removing its folders")
    await run.settle()
    root = f"{run.server.directory}/{run.server.slug}"
    output = await run.ask(REMOVE_ALL, run.nonce, root, seconds=120)
    if output.status != 0:
        raise Trouble(STATUSES.get(output.status or 0, "file_error"), root)
    lines = output.stdout.decode("utf-8", "replace").splitlines()
    names = [line.partition(" ")[2] for line in lines if line.startswith(f"{run.nonce} ")]
    kept = ["".join(c for c in name if c.isprintable())[:100] for name in names]

    def write(_: Job) -> None:
        servers.removed(_locked(run))
        _is_tidy(run)

    await run.keep(write, also_cancelled=True)
    if kept:
        words = f"kept in {root}, as it is not ours: {', '.join(kept)}"
        await run.say(f"{words}\r\n")
        return f"{run.server.title} is uninstalled; {words}"
    return f"{run.server.title} is uninstalled"


async def _speak(run: Run, build: Installation) -> Discovered:
    await run.at("VERIFYING", 80, f"Starting {run.server.title} {build.version}")
    start = await in_thread(launch_of, build, run.installation.pk)
    try:
        found = await handshake(run.connection, start)
    except Trouble as trouble:
        if words := str(trouble.facts.get("output", "")):
            lines = words.replace("\n", "\r\n")
            await run.say(f"\x1b[1mThe server said:\x1b[0m\r\n{lines}\r\n")
        raise
    await run.say(f"MCP {found.protocol_version}: {_tools(found)}\r\n")
    return found


def _build(server_id: uuid.UUID, use: str) -> Installation:
    """Raises Trouble when there is none (any more)."""
    rows = Installation.objects.select_related("server")
    build = rows.filter(server=server_id, pk=F(f"server__{use}")).first()
    if build is None:
        raise Trouble("nothing_before" if use == "previous" else "not_installed")
    return build


def _locked(run: Run) -> McpServer:
    return McpServer.objects.select_for_update().get(pk=run.server.pk)


def _broken(run: Run, code: str) -> None:
    McpServer.objects.filter(pk=run.server.pk).update(state=State.BROKEN, error_code=code)


def _is_tidy(run: Run) -> None:
    Installation.objects.filter(pk=run.installation.pk).update(has_left=False)


def _tools(found: Discovered) -> str:
    return f"{len(found.tools)} tool{'' if len(found.tools) == 1 else 's'}"
