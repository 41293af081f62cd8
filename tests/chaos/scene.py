"""A scene: 24 tabs are open, work speaks to them, something breaks; in the end all must be well."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.figures import figures_of
from tests.chaos.journal import Account, Line, Said, account, differences, disagreements, lost
from tests.chaos.world import PEOPLE, TabOf, World
from tests.stack import ROOT, until

DENO = str(Path(sys.executable).parent / "deno")


class Told:
    """A process that answers each line with a line, and ends with the end of what it is told."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
        )

    def tell(self, line: str = "") -> str:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.hear()

    def hear(self) -> str:
        assert self._process.stdout
        answer = self._process.stdout.readline()
        assert answer, f"{self._process.args!r} has ended"
        return answer

    def end(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(25)
        finally:
            self._process.kill()
            self._process.stdout.close()


class Scene:
    """What is on the stage while a scene is played."""

    def __init__(self, world: World, name: str, folder: Path, quiet: Sequence[TabOf] = ()) -> None:
        self.world, self.name = world, name
        self.healed = 0.0  # Unix seconds; when what broke was mended
        self.notes: list[str] = []
        self.gaps = Counter[str]()  # found by the web server, by what found them
        self.cut: set[str] = set()  # tabs that are stopped in the course of it
        self._journal, self._said = folder / "tabs.jsonl", folder / "said.jsonl"
        self._tabs = [*world.tabs(), *quiet]
        self._losses = len(world.log_line.lost)
        command = [DENO, "run", "--quiet", "--no-lock", "--allow-net"]
        command += [f"--allow-write={self._journal}", "--config=deno.json", "tests/chaos/tabs.js"]
        self._browser = Told(command)
        order = {"url": world.url, "journal": str(self._journal)}
        self._browser.tell(json.dumps(order | {"tabs": [asdict(tab) for tab in self._tabs]}))
        until(self.are_open, within=60)
        self.began, self._gaps = time.time(), world.gaps()
        offset = time.time() - time.monotonic()
        arguments = ", ".join(map(repr, (str(self._said), offset, *PEOPLE)))
        program = f"from tests.chaos.publisher import main; main({arguments})"
        command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", program]
        self._work = Told(command, env=world.stack.environment)
        self._work.hear()

    # --- While it is played -------------------------------------------------------------------
    def flow(self, seconds: float) -> None:
        """Let the work go on."""
        time.sleep(seconds)

    def mended(self) -> None:
        """What broke is whole again: from here on the recovery is measured."""
        self.healed = time.time()

    def heard(self, since: float = 0.0, within: float = 60.0) -> None:
        """Wait until every tab has applied something that was said after a moment."""
        until(lambda: self._has_heard(since or self.healed), within=within, every=0.2)

    def where(self) -> list[Line]:
        """Where the tabs are, but for those that were cut."""
        told: list[Line] = json.loads(self._browser.tell())
        return [tab for tab in told if tab["tab"] not in self.cut]

    def are_open(self) -> bool:
        return all(tab["state"] == "open" for tab in self.where())

    def of_tab(self, name: str) -> list[Line]:
        """A tab's journal so far."""
        return [line for line in read(self._journal) if line["tab"] == name]

    def _has_heard(self, since: float) -> bool:
        later = {(said.user, said.mark) for said in self.said() if said.began > since}
        heard = {
            line["tab"]
            for line in read(self._journal)
            if line["did"] == "applied" and (line["tab"].partition("-")[0], line["mark"]) in later
        }
        return self._watched() - self.cut <= heard

    def _watched(self) -> set[str]:
        return {tab.name for tab in self._tabs if not tab.quiet}

    def said(self) -> list[Said]:
        return [Said(**line) for line in read(self._said)]

    # --- The end ------------------------------------------------------------------------------
    def settle(self, within: float) -> list[str]:
        """Hold the work, wait until all has arrived, and say where tabs and rows differ."""
        self._work.tell()
        self._settled = time.time()
        until(self._has_all_arrived, within=within, every=0.2)
        gaps = self.world.gaps()  # counted from the beginning by a web server that came since
        self.gaps = gaps - self._gaps if gaps >= self._gaps else gaps
        fresh = {name: self.world.snapshot(name) for name in PEOPLE}
        return [
            f"{tab['tab']}: {difference}"
            for tab in self.where()
            if tab["tab"] in self._watched()
            for difference in differences(tab, fresh[_person(tab)])
        ]

    def _has_all_arrived(self) -> bool:
        if not self.are_open() or self.world.outbox():
            return False
        try:
            heads = {name: self.world.snapshot(name)["asOf"] for name in PEOPLE}
        except httpx.HTTPError:
            return False
        watched = [tab for tab in self.where() if tab["tab"] in self._watched()]
        return all(tab["cursor"] == heads[_person(tab)] for tab in watched)

    def end(self) -> None:
        try:
            self._work.end()
        finally:
            self._browser.end()

    def check(self) -> None:
        """The journals, after the end."""
        accounts = self._accounts()
        said = [event for event in self.said() if event.began < self._settled]
        losses = set(self.world.log_line.lost[self._losses :])
        figures = figures_of(self, accounts, said, losses)
        self.world.figures.append(figures)
        assert {tab.tab for tab in accounts} == self._watched()
        for tab in accounts:
            assert tab.faults == [], tab.tab
            assert tab.tab in self.cut or lost(tab, said) == [], tab.tab
        assert disagreements(accounts) == []

    def _accounts(self) -> list[Account]:
        lines = sorted(read(self._journal), key=_tab)
        of_tabs = [(tab, list(own)) for tab, own in groupby(lines, key=_tab)]
        return [account(tab, own) for tab, own in of_tabs if tab in self._watched()]


@contextmanager
def played(
    name: str, folder: Path, world: World, quiet: Sequence[TabOf] = (), within: float = 60.0
) -> Iterator[Scene]:
    """Play a scene, then hold it to the promise and keep its figures."""
    scene = Scene(world, name, folder, quiet)
    try:
        scene.heard(scene.began)
        yield scene
        different = scene.settle(within)
    finally:
        scene.end()
    scene.check()
    assert different == []


def read(path: Path) -> list[Line]:
    """The whole lines of a journal that is being written."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _tab(line: Line) -> str:
    return str(line["tab"])


def _person(line: Line) -> str:
    return _tab(line).partition("-")[0]
