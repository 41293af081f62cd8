"""One run on a host, from its first connection to its last word, whatever it is for.

`carry_out` is the work of the task `mcp.install`: it waits for the host to be free, signs in,
tidies up what earlier attempts left, and lets the action of the Installation do its part. An action
is listed in `mcp_install.actions.WORK`:

    async def verify(run: Run) -> str      # returns the closing message

It raises Trouble for what goes wrong, and lets everything else pass. It says how it gets on by
`run.at`, talks to the host by `run.ask` (short, silent) and `run.listen` (long, with a terminal,
into the log), and writes rows inside `run.keep` alone. When it ends early, all processes that it
started on the host are killed: they are known by `run.marker` in their environment, which `ask` and
`listen` put there; whoever starts others on `run.connection` puts it there too.
"""

import asyncio
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import asyncssh

from mcp_install import look, remote, shell, tidy, turns
from mcp_install.builds import secrets_of
from mcp_install.connect import Connection, connected
from mcp_install.login import login_of
from mcp_install.mask import Masker
from mcp_install.models import Installation
from mcp_install.output import Output
from mcp_install.plan import Plan
from mcp_install.remote import Limits, NoTerminal
from mcp_install.screen import Screen
from mcp_install.troubles import Trouble
from realtime import background
from realtime.background import in_thread
from realtime.models import Job
from realtime.work import Cancelled, Failure, Paused, Report, Superseded

logger = logging.getLogger(__name__)

WATCH_SECONDS = 0.2
LIMITS = Limits(whole=600, idle=120)
ASK_SECONDS = 30.0
REMOVED = "The server was removed."

# Starts the script with the run's mark in its *first* environment, where others can see it.
MARKED = r"""
mark=$1; script=$2; shift 2
exec env "$mark" /bin/sh -c "$script" mcp-install "$@"
"""


class Run:
    """Belongs to the worker's loop. `installation` has its server and host with it.

    `plan` is what was confirmed; None for an action that needs none. `secrets` are by the names
    that the plan uses. `connection` is open; after `reconnect` it is another one.
    """

    connection: Connection

    def __init__(self, installation: Installation, report: Report) -> None:
        self.installation, self.report = installation, report
        self.server, self.host = installation.server, installation.server.host
        self.plan = Plan.of_json(installation.plan) if installation.plan else None
        self.secrets = secrets_of(installation)
        self.marker = tidy.marker_of(installation)
        self.output = Output(installation, report)
        self.nonce = secrets.token_hex(8)
        self._masker = Masker(self.secrets.values())
        self._speaking = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._has_terminal, self._is_settled = True, False
        self._progress, self._message = 0, ""

    # --- What it says ---------------------------------------------------------------------------
    async def at(self, stage: str, progress: int, message: str = "") -> None:
        """It has come so far; what was said before is told before. Percent of the whole run."""
        async with self._speaking:
            await self._flush()
            self._progress = max(self._progress, min(progress, 100))
            self._message = message
            await in_thread(self.report, stage, self._progress, message)

    async def say(self, text: str) -> None:
        """A text for the log, without secrets: whole lines, ended by CR LF as a terminal's are."""
        self.output.put(self._masker.whole(text))

    def masked(self, text: str) -> str:
        """A text without this run's secrets."""
        return Masker(self.secrets.values()).whole(text)

    async def keep(self, write: Callable[[Job], Any], *, also_cancelled: bool = False) -> Any:
        """Write rows, in the one transaction in which this attempt alone can; `write` may be called
        twice. `also_cancelled`: what is done on the host already."""

        def fenced() -> Any:
            with self.report.fence(also_cancelled=also_cancelled) as job:
                return write(job)

        async with self._speaking:
            await self._flush()
            await in_thread(self.report.flush)
            return await in_thread(fenced)

    async def settle(self) -> None:
        """The last moment to be cancelled: what follows is done to its end."""
        await self.keep(lambda _: None)
        self._is_settled = True

    async def _flush(self, *, also_cancelled: bool = False) -> None:
        await self.output.flush(self._progress, self._message, also_cancelled=also_cancelled)

    async def keep_watch(self) -> None:
        """Tell output when it is time, and ask now and then whether the run is still wanted; for
        ever. Raises Cancelled and Superseded."""
        asked = 0.0
        loop = asyncio.get_running_loop()
        while True:
            wait = self.output.wait
            await asyncio.sleep(min(0.01 if wait is None else wait, WATCH_SECONDS))
            async with self._speaking:
                if self.output.wait == 0:
                    await self._flush()
                if loop.time() - asked >= WATCH_SECONDS and not self._is_settled:
                    asked = loop.time()
                    await in_thread(self.report.check)

    # --- What it does on the host ---------------------------------------------------------------
    async def ask(
        self, script: str, *arguments: str | bytes, seconds: float = ASK_SECONDS, stdin: bytes = b""
    ) -> shell.Output:
        """A short script, without a terminal; what it prints is no part of the log."""
        line = shell.command(MARKED, self.marker, script, *arguments)
        return await shell.run(self.connection, line, seconds=seconds, stdin=stdin)

    async def listen(
        self,
        script: str,
        *arguments: str | bytes,
        hear_mark: Callable[[str], Awaitable[None]] | None = None,
        hear_text: Callable[[str], Awaitable[None]] | None = None,
        limits: Limits = LIMITS,
    ) -> int | None:
        """A long script, whose output is the log; its exit status. Its `$1` is the nonce of its
        marks, each of which `hear_mark` is told of in its place; its `$2` is `watch` where there is
        no terminal: then it has to end when its input does."""
        screen = Screen(self.nonce)

        async def read(data: bytes, *, is_last: bool = False) -> None:
            for text, mark in screen.feed(data, is_last=is_last):
                self.output.put(self._masker.feed(text))
                if text and hear_text:
                    await hear_text(text)
                if mark and hear_mark:
                    await hear_mark(mark)

        async def hear(data: bytes) -> None:
            await read(data)
            await self.output.pace(len(data))

        try:
            return await self._listen(script, arguments, hear, limits)
        finally:
            await read(b"", is_last=True)
            self.output.put(self._masker.end())

    async def _listen(
        self, script: str, arguments: Any, hear: Callable[[bytes], Awaitable[None]], limits: Limits
    ) -> int | None:
        while True:
            mode = "terminal" if self._has_terminal else "watch"
            line = shell.command(MARKED, self.marker, script, self.nonce, mode, *arguments)
            try:
                return await remote.listen(
                    self.connection, line, hear, limits, has_terminal=self._has_terminal
                )
            except NoTerminal:
                self._has_terminal = False
                await self.say("(This host gives no terminal: its output may come late.)\r\n")
                if self.connection.is_closed():
                    await self.reconnect()

    async def reconnect(self) -> None:
        """Raises Trouble."""
        await self.close()
        login = await in_thread(login_of, self.host)
        self.connection = await self._stack.enter_async_context(connected(login))

    async def close(self) -> None:
        stack, self._stack = self._stack, AsyncExitStack()
        with suppress(Exception):
            await stack.aclose()

    # --- From its first connection to its last word ---------------------------------------------
    async def work(self, action: Callable[["Run"], Awaitable[str]]) -> str:
        await self.output.load()
        await self.at("CONNECTING", 0, f"Connecting to {self.host.name}")
        await self.reconnect()
        await tidy.host(self)
        return await action(self)

    async def end(self, error: BaseException | None) -> None:
        """After `work`, however that ended: nothing of it stays behind on the host."""
        try:
            if error is not None and not isinstance(error, Superseded | Paused):
                await tidy.after(self, error)
            async with self._speaking:
                await self._flush(also_cancelled=True)
        finally:
            await self.close()


# --- The work of a task -------------------------------------------------------------------------
def carry_out(
    installation_id: uuid.UUID,
    report: Report,
    actions: dict[str, Callable[[Run], Awaitable[str]]],
) -> str:
    """Do what the Installation is for; returns the closing message."""
    return background.run(_carry_out(installation_id, report, actions))


async def _carry_out(installation_id: uuid.UUID, report: Report, actions: Any) -> str:
    installation = await in_thread(_take_up, installation_id, report)
    try:
        run = Run(installation, report)
        return await _watched(run, actions[installation.action])
    except Trouble as error:
        trouble = error
    except (asyncssh.Error, OSError) as error:
        trouble = Trouble("connection_lost", str(error))
    except Exception as error:
        if isinstance(error, Failure | Cancelled | Paused | Superseded):
            raise
        reference = uuid.uuid4().hex[:8]
        logger.exception("run %s failed, reference %s", installation_id, reference)
        trouble = Trouble("internal_error", f"reference {reference}")
    await in_thread(_note, installation, report, trouble)
    raise trouble


def _take_up(installation_id: uuid.UUID, report: Report) -> Installation:
    """The run, its host being free for it. Raises Paused while that is not."""
    rows = Installation.objects.select_related(
        "server__host__jump__jump", "server__active", "server__previous", "owner", "job"
    )
    installation = rows.filter(pk=installation_id).first()
    if installation is None:
        raise Failure(REMOVED)
    turns.take(installation, report)
    return installation


async def _watched(run: Run, action: Callable[[Run], Awaitable[str]]) -> str:
    work = asyncio.create_task(run.work(action))
    watch = asyncio.create_task(run.keep_watch())
    await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
    first = work if work.done() else watch
    for task in (work, watch):
        task.cancel()
    await asyncio.gather(work, watch, return_exceptions=True)
    if not work.cancelled() and work.exception() is None:
        first = work  # it was done in the same moment
    await run.end(first.exception())
    return first.result() or ""


def _note(installation: Installation, report: Report, trouble: Trouble) -> None:
    """For its owner, before the news of the end; and what it says of the host."""
    if trouble.code in look.OF_THE_HOST:
        look.note_trouble(installation.server.host, trouble)
    with report.fence(also_cancelled=True):
        runs = Installation.objects.filter(pk=installation.pk)
        runs.update(error_code=trouble.code)
