"""What was measured before, one JSON line a run, so that a change for the worse is seen."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from rag.datasets import Dataset

Run = dict[str, Any]
MEASURE = "nDCG@10"


class NoRun(Exception):
    """There is no such run; `str()` says which there are."""


def entry(
    label: str,
    dataset: Dataset,
    model: str,
    figures: dict[str, dict[str, float]],
    answers: dict[str, float],
    met: dict[str, bool],
) -> Run:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "label": label,
        "version": _version(),
        "dataset": dataset.name,
        "documents": len(dataset.documents),
        "questions": len(dataset.judged),
        "model": model,
        "figures": {
            name: {measure: round(value, 4) for measure, value in values.items()}
            for name, values in figures.items()
        },
        "answers": answers,
        "met": met,
    }


def _version() -> str:
    """The commit, where the product runs from a checkout."""
    command = ["git", "-C", str(settings.BASE_DIR), "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()


def add(path: Path, run: Run) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(run) + "\n")


def runs(path: Path, dataset: str) -> list[Run]:
    """Those of a data set, the oldest first."""
    if not path.is_file():
        return []
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [run for run in found if run["dataset"] == dataset]


def named(run: Run) -> str:
    return " ".join(part for part in (run["label"], run["version"], run["at"]) if part)


def chosen(kept: list[Run], names: list[str]) -> tuple[Run, Run]:
    """Two runs, by label, commit or number from 1; the last two without any. Raises NoRun."""
    if len(names) not in (0, 2):
        raise NoRun("Name two runs, or none for the last two.")
    if len(kept) < 2:
        raise NoRun("There are not yet two runs of this data set to compare.")
    if not names:
        return kept[-2], kept[-1]
    return _run(kept, names[0]), _run(kept, names[1])


def _run(kept: list[Run], name: str) -> Run:
    if name.isdecimal() and 1 <= int(name) <= len(kept):
        return kept[int(name) - 1]
    found = [run for run in kept if name in (run["label"], run["version"])]
    if not found:
        known = "; ".join(f"{place} {named(run)}" for place, run in enumerate(kept, 1))
        raise NoRun(f"There is no run {name}. There are: {known}.")
    return found[-1]


def differences(before: Run, after: Run) -> list[str]:
    """Lines with both figures of every search and answer measure that both runs have."""
    lines = [
        _line(f"{name} {MEASURE}", before["figures"][name][MEASURE], values[MEASURE])
        for name, values in after["figures"].items()
        if name in before["figures"]
    ]
    lines += [
        _line(name, before["answers"][name], value)
        for name, value in after["answers"].items()
        if name in before["answers"]
    ]
    return lines


def _line(name: str, before: float, after: float) -> str:
    mark = "  WORSE" if after < before - 0.0005 else ""
    return f"{name}: {before:.4f} → {after:.4f} ({after - before:+.4f}){mark}"
