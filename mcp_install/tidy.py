"""What a run leaves on a host is ended and removed: its processes, and a build that is half made.

Processes are known by `MCP_INSTALL_ID` in their environment, wherever they went (`setsid`, other
groups); where there is no /proc, by the group that the run began with. A run that could not be
tidied up after is remembered (`has_left`), and the next one on its host does it first.
"""

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

from django.db.models import Q

from mcp_install import shell
from mcp_install.connect import Connection
from mcp_install.models import Action, Installation
from mcp_install.troubles import Trouble
from realtime.background import in_thread
from realtime.models import ENDED, Status

if TYPE_CHECKING:
    from mcp_install.run import Run

logger = logging.getLogger(__name__)

SECONDS = 30.0
KILL_SECONDS = 10.0
BUILDS = (Action.INSTALL, Action.UPGRADE)

# `$1` is the mark. TERM, and after half a second KILL, until none is left.
KILL = r"""
mark=$1
if [ -r /proc/self/environ ]; then
  found() { grep -lF -e "$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3; }
else
  found() {
    ps -axEww -o pid= -o command= | grep -F -e " $mark" | grep -v grep | awk '{ print $1 }'
  }
fi
signal=TERM
tries=0
while pids=$(found); [ -n "$pids" ]; do
  for pid in $pids; do kill -s "$signal" "$pid" 2>/dev/null; done
  tries=$((tries + 1))
  [ "$tries" -lt 5 ] || signal=KILL
  [ "$tries" -lt 60 ] || exit 70
  sleep 0.1 2>/dev/null || sleep 1
done
"""

# `$1` is the server's folder, `$2` the build's, `$3` its id, `$4` "keep" to leave a finished one
# and say `kept`, `$5` how many folders were not there before, from the server's on upwards.
REMOVE = r"""
root=$1; build=$2; id=$3; keep=$4; new=$5
[ -d "$root" ] || exit 0
lock="$root/.mcp-install.lock"
if [ "$(cat "$lock/id" 2>/dev/null)" = "$id" ]; then rm -rf -- "$lock"; fi
if [ "$keep" = keep ] && [ -f "$build/.mcp-install.done" ]; then
  echo kept
  exit 0
fi
if [ -f "$build/.mcp-install.json" ]; then rm -rf -- "$build" || exit 71; fi
[ ! -d "$lock" ] || exit 0
if [ -f "$root/.mcp-install.json" ]; then
  rmdir -- "$root/versions" 2>/dev/null
  [ ! -e "$root/versions" ] || exit 0
  rm -f -- "$root/.mcp-install.json" "$root/current"
fi
place=$root
while [ "$new" -gt 0 ] && rmdir -- "$place" 2>/dev/null; do
  place=$(dirname -- "$place")
  new=$((new - 1))
done
exit 0
"""


def marker_of(installation: Installation) -> str:
    """`NAME=value`, in the environment of all that a run starts on its host."""
    return f"MCP_INSTALL_ID={installation.pk}"


async def kill(connection: Connection, installation: Installation) -> None:
    """End all its processes. Raises Trouble."""
    line = shell.command(KILL, marker_of(installation))
    output = await shell.run(connection, line, seconds=KILL_SECONDS)
    if output.status != 0:
        raise Trouble("ssh_error", "some processes could not be ended")


async def remove(
    connection: Connection, installation: Installation, *, keeps_finished: bool
) -> None:
    """Take away the build that it was making, unless that is in use, and the folders that were not
    there before any of its attempts. Raises Trouble."""
    server = installation.server
    if installation.action not in BUILDS or not installation.build:
        return
    if await in_thread(_is_in_use, installation):
        return
    root = f"{server.directory}/{server.slug}"
    build = f"{root}/versions/{installation.build}"
    keep = "keep" if keeps_finished else "remove"
    new = str(installation.new_folders)
    line = shell.command(REMOVE, root, build, str(installation.pk), keep, new)
    output = await shell.run(connection, line, seconds=SECONDS)
    if output.status != 0:
        raise Trouble("file_error", "a folder could not be removed")
    if not output.stdout.strip().endswith(b"kept"):
        await in_thread(note_new, installation, 0)


def note_new(installation: Installation, folders: int) -> None:
    """What is there now is not its own, but so many folders that it makes."""
    installation.new_folders = folders
    Installation.objects.filter(pk=installation.pk).update(new_folders=folders)


def _is_in_use(installation: Installation) -> bool:
    kept = Q(active__build=installation.build) | Q(previous__build=installation.build)
    return type(installation.server).objects.filter(kept, pk=installation.server_id).exists()


async def after(run: "Run", error: BaseException) -> None:
    """An attempt failed or was cancelled: end it on the host, by the connection it has or another.
    What cannot be done now is done by the next run there."""
    keeps = isinstance(error, Trouble)
    try:
        async with asyncio.timeout(SECONDS):
            if not hasattr(run, "connection"):
                return  # it never came so far
            if run.connection.is_closed():
                await run.reconnect()
            await kill(run.connection, run.installation)
            await remove(run.connection, run.installation, keeps_finished=keeps)
            await in_thread(forget, run.installation)
    except Exception as failed:
        logger.warning("run %s is to be tidied up later: %s", run.installation.pk, failed)


async def host(run: "Run") -> None:
    """Before a run does anything: end what it, and others that are over, left on the host."""
    mine = run.installation
    if mine.has_left:
        await one(run.connection, mine)
    for other in await in_thread(left_on, run.host.pk):
        try:
            await one(run.connection, other)
            await in_thread(forget, other)
        except Trouble as trouble:  # no reason for this one to fail; the next one tries again
            logger.warning("run %s is to be tidied up later: %s", other.pk, trouble)
    await run.keep(lambda _: _remember(mine))


async def one(connection: Connection, installation: Installation) -> None:
    """End what an earlier attempt left. Raises Trouble."""
    await kill(connection, installation)
    was_wanted = installation.job.status != Status.CANCELLED
    await remove(connection, installation, keeps_finished=was_wanted)


def left_on(host_id: uuid.UUID) -> list[Installation]:
    """Runs that are over and may have left something on the host."""
    rows = Installation.objects.select_related("server", "job")
    return list(rows.filter(server__host=host_id, has_left=True, job__status__in=ENDED))


def _remember(installation: Installation) -> None:
    Installation.objects.filter(pk=installation.pk).update(has_left=True)


def forget(installation: Installation) -> None:
    Installation.objects.filter(pk=installation.pk).update(has_left=False)
