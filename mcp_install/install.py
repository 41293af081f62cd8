"""Put a build of a server on its host, see that it speaks, and make it the one in use.

An upgrade is the same: the new build stands beside the old one, which stays in use until the new
one has spoken. A build that is complete is not made again.
"""

import json
import re
from contextlib import suppress

from django.utils import timezone

from mcp_install import probe
from mcp_install.build_scripts import ACTIVATE, BUILD, PREPARE, STATUSES
from mcp_install.handshake import Discovered, handshake
from mcp_install.launch import Launch, find_program
from mcp_install.models import Installation, McpServer, State
from mcp_install.plan import PERCENTS, Plan, Step
from mcp_install.run import Run
from mcp_install.screen import plain
from mcp_install.tidy import KILL, marker_of, note_new
from mcp_install.troubles import Trouble
from realtime.models import Job

OLDER_SDK = "mcp<2"
# What Python programs say that were written for the SDK before version 2.
_NEEDS_OLDER = re.compile(r"ImportError|ModuleNotFoundError|AttributeError|TypeError")
_ERROR = re.compile(r"error|ERR!|×|failed", re.IGNORECASE)
_NO_SPACE = re.compile(r"No space left on device|ENOSPC|Disk quota exceeded", re.IGNORECASE)
_ENVIRONMENT, _PACKAGE = PERCENTS["EXECUTING"]
_PROGRESS = (  # what the installing programs say, and the percent that it means
    ("Installing collected packages", 65),
    ("Prepared ", 60),
    ("Successfully installed", 79),
    ("Installed ", 79),
)
_ONE_MORE = ("Collecting ", "Downloading ", "Resolved ")
_MOST_COLLECTING = 64


async def install(run: Run) -> str:
    plan = run.plan
    assert plan
    is_there = await _prepare(run, plan)
    if not is_there:
        await Build(run, plan).make(plan.steps)
    found, program = await _verify(run, plan)
    before = run.server.active
    await _activate(run, plan, found, program)
    await retire(run, before)
    return f"{plan.title} {plan.version} is ready: {_count(found)}"


def _count(found: Discovered) -> str:
    return f"{len(found.tools)} tool{'s' if len(found.tools) != 1 else ''}"


# --- Preparing ----------------------------------------------------------------------------------
async def _prepare(run: Run, plan: Plan) -> bool:
    """Can it be put there? True when it is there, as an attempt before left it."""
    await run.at("PREPARING", 10, f"Looking at {plan.directory}")
    place = await probe.look_at(run.connection, plan.directory)
    probe.check(place, plan.directory)
    root = f"{plan.directory}/{plan.slug}"
    output = await run.ask(PREPARE, root, plan.folder, plan.build)
    if output.status != 0:
        raise _of_status(output.status, plan, root)
    *_, new, state = output.stdout.split()
    is_there = state == b"done"
    if not is_there:  # else what was new is known from the attempt that made it
        await run.keep(lambda _: note_new(run.installation, int(new)))
    return is_there


def _of_status(status: int | None, plan: Plan, detail: str) -> Trouble:
    code = STATUSES.get(status or 0, "")
    if code == "runtime_missing":
        return Trouble(code, " or ".join(_programs(plan)))
    return Trouble(code, detail) if code else Trouble("file_error", f"exit status {status}")


def _programs(plan: Plan) -> list[str]:
    return sorted({step.command[0] for step in plan.steps if step.stage == "EXECUTING"})


# --- Executing ----------------------------------------------------------------------------------
class Build:
    """The commands of a plan, run in the build's folder, and how far they are."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self._run, self._plan = run, plan
        self._percent, self._step = 20, ""
        self._line = ""

    async def make(self, steps: tuple[Step, ...], *, again: bool = False) -> None:
        run, plan = self._run, self._plan
        mine = [step for step in steps if step.stage == "EXECUTING"]
        await run.at("EXECUTING", 20, mine[0].title)
        root = f"{plan.directory}/{plan.slug}"
        of_root = {"server": plan.server, "madeBy": "mcp_install"}
        of_build = of_root | {"version": plan.version, "installId": str(run.installation.pk)}
        arguments = [root, plan.folder, plan.build, json.dumps(of_root), json.dumps(of_build)]
        arguments += [str(run.installation.pk), "again" if again else "anew"]
        for step in mine:
            percent = _ENVIRONMENT if step is not mine[-1] else _PACKAGE
            arguments += [f"{percent} {step.title}", str(step)]
            arguments += [str(len(step.command)), *step.command]
        status = await run.listen(
            BUILD, *arguments, hear_mark=self._hear_mark, hear_text=self._hear_text
        )
        if status != 0:
            raise self._trouble(status)

    async def _hear_mark(self, mark: str) -> None:
        if mark == "end":
            await self._reach(80)
            return
        percent, self._step = mark.split(" ", 1)
        await self._reach(int(percent))
        await self._run.keep(lambda _: None)  # the row says which step it is at, however short

    async def _hear_text(self, text: str) -> None:
        *lines, self._line = (self._line + text)[-8_000:].split("\n")
        for line in lines:
            if line.strip().startswith(_ONE_MORE):
                await self._reach(min(self._percent + 1, _MOST_COLLECTING))
            for words, percent in _PROGRESS:
                if line.strip().startswith(words):
                    await self._reach(percent)

    async def _reach(self, percent: int) -> None:
        if percent > self._percent:
            self._percent = percent
            await self._run.at("EXECUTING", percent, self._step)

    def _trouble(self, status: int | None) -> Trouble:
        plan, tail = self._plan, self._run.output.tail
        if status in STATUSES:
            return _of_status(status, plan, f"{plan.directory}/{plan.slug}")
        if _NO_SPACE.search(tail):
            return Trouble("disk_space", plan.directory)
        code = "venv_failed" if self._percent < _PACKAGE else "package_failed"
        return Trouble(code, _why(tail))


def _why(tail: str) -> str:
    """The line that says it best: the last that tells of an error."""
    lines = [line.strip() for line in plain(tail).split("\n") if line.strip()]
    errors = [line for line in lines if _ERROR.search(line) and "complete log" not in line]
    return (errors or lines or [""])[-1][:300]


# --- Verifying ----------------------------------------------------------------------------------
async def _verify(run: Run, plan: Plan) -> tuple[Discovered, str]:
    """The server speaks; if not, because it is older than the SDK it got, with an older one."""
    try:
        return await speak(run, plan)
    except Trouble as trouble:
        if not _is_older(plan, trouble):
            raise
    await run.say(
        f"\r\n\x1b[33mThe server does not start with the newest MCP SDK: "
        f"trying again with {OLDER_SDK}.\x1b[0m\r\n"
    )
    install = [step for step in plan.steps if step.stage == "EXECUTING"][-1]
    older = Step("EXECUTING", "Install an older SDK", (*install.command, OLDER_SDK))
    await Build(run, plan).make((older,), again=True)
    return await speak(run, plan)


def _is_older(plan: Plan, trouble: Trouble) -> bool:
    said = str(trouble.facts.get("output", ""))
    is_python = plan.kind.startswith("pypi")
    is_import = "mcp" in said and _NEEDS_OLDER.search(said)
    return is_python and trouble.code == "handshake_failed" and bool(is_import)


async def speak(run: Run, plan: Plan) -> tuple[Discovered, str]:
    """What the server says of itself, and the program that starts it. Raises Trouble, with its last
    words in the log."""
    await run.at("VERIFYING", 80, "Starting the server")
    program = await find_program(run.connection, plan)
    start = Launch.of(plan, program, run.secrets, server=run.server.pk, run=run.installation.pk)
    await run.at("VERIFYING", 85, "Waiting for its answer")
    try:
        found = await handshake(run.connection, start)
    except Trouble as trouble:
        words = str(trouble.facts.get("output", "")).strip()
        if words:
            lines = words.replace("\r\n", "\n").replace("\n", "\r\n")
            await run.say(f"\r\n\x1b[1mThe server said:\x1b[0m\r\n{lines}\r\n")
        raise
    await run.at("VERIFYING", 95, f"It has {_count(found)}")
    names = ", ".join(tool["name"] for tool in found.tools[:20])
    await run.say(f"\r\nMCP {found.protocol_version}: {names}\r\n")
    return found, program


async def _activate(run: Run, plan: Plan, found: Discovered, program: str) -> None:
    """From here on it is the one in use, whatever comes."""
    await run.at("VERIFYING", 99, "Making it the one in use")
    await run.settle()
    before = run.server.active
    if before and before.build == plan.build:
        before = run.server.previous
    root = f"{plan.directory}/{plan.slug}"
    output = await run.ask(
        ACTIVATE, root, str(run.installation.pk), plan.build, before.build if before else ""
    )
    if output.status != 0:
        raise _of_status(output.status, plan, root)

    def write(_: Job) -> None:
        runs = Installation.objects.filter(pk=run.installation.pk)
        runs.update(launch=[program, *plan.arguments], has_left=False)
        server = McpServer.objects.select_for_update().get(pk=run.server.pk)
        if server.active_id != run.installation.pk:
            server.previous_id, server.active_id = server.active_id, run.installation.pk
        keep_found(server, found)

    await run.keep(write, also_cancelled=True)


async def retire(run: Run, build: Installation | None) -> None:
    """End what still runs of a build that is in use no more, wherever it was started from."""
    if build is not None and build.pk != run.installation.pk:
        with suppress(Trouble):  # what could be done is done
            await run.ask(KILL, marker_of(build))


def keep_found(server: McpServer, found: Discovered) -> None:
    """The server spoke: it is ready, and has these tools. Its row is locked by the caller."""
    server.state, server.error_code = State.READY, ""
    server.protocol_version, server.era = found.protocol_version, found.era
    server.discovery, server.tools = found.discovery, found.tools
    server.verified_at = timezone.now()
    server.save()
