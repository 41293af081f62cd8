"""Jobs of documents on a terminal: a bar for each; of many one for all, and those in work."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from documents.events import STATUSES
from realtime.models import ACTIVE, Job, Status

FEW = 10


def show_bars(names: Mapping[Any, str], polled: Iterable[list[Job]], output: Any) -> list[Job]:
    """Show the jobs as they are polled, by their names; returns them as they ended."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=Console(file=output)) as progress:
        bars = _Bars(progress, names)
        for jobs in polled:
            for job in jobs:
                bars.tell(job)
    return bars.ended


class _Bars:
    def __init__(self, progress: Progress, names: Mapping[Any, str]) -> None:
        self._progress = progress
        self._names = names
        self._bars: dict[Any, TaskID] = {}
        self.ended: list[Job] = []
        self._all: TaskID | None = None
        if len(names) > FEW:
            words = f"{len(names):,} files"
            self._all = progress.add_task(words, total=len(names), words="")
        else:
            for key in names:
                self._bars[key] = self._add(key)

    def _add(self, key: Any) -> TaskID:
        return self._progress.add_task(self._names[key], total=100, words="")

    def tell(self, job: Job) -> None:
        words = job.error or job.message or STATUSES[Status(job.status)]
        if job.status not in ACTIVE:
            self.ended.append(job)
        if self._all is None:
            return self._progress.update(self._bars[job.pk], completed=job.progress, words=words)
        if job.status == Status.RUNNING:
            if job.pk not in self._bars:
                self._bars[job.pk] = self._add(job.pk)
            bar = self._bars[job.pk]
            self._progress.update(bar, completed=job.progress, words=words)
        elif job.status not in ACTIVE:
            if (bar_of_ended := self._bars.pop(job.pk, None)) is not None:
                self._progress.remove_task(bar_of_ended)
            failed = sum(one.status != Status.DONE for one in self.ended)
            said = f"{failed} failed" if failed else ""
            self._progress.update(self._all, completed=len(self.ended), words=said)
        return None
