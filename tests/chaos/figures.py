"""The figures of a scene, as `make test` and `make chaos` print them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from tests.chaos.journal import Account, Said


@dataclass
class Figures:
    name: str
    tabs: int
    published: int
    sure: int  # of these must not be lost
    applied: tuple[int, int]  # the least and the most by a tab
    resyncs: Counter[str]
    codes: Counter[int]
    lost: int  # announcements
    repaired: int  # events of these that were applied all the same
    gaps: Counter[str]  # that the web server found, by what found them
    silence: float  # seconds, the longest of a tab between two events
    recovery: float | None  # seconds from the mend until every tab heard of what was said after it
    slowest: float  # seconds that saying something took at most
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [
            f"{self.published} events ({self.sure} durable)",
            f"applied {self.applied[0]}–{self.applied[1]} by each of {self.tabs} tabs",
            f"resyncs {_counts(self.resyncs)}",
            f"closes {_counts(self.codes)}",
            f"announcements lost {self.lost}, their events applied {self.repaired}",
            f"gaps found by {_counts(self.gaps)}",
            f"longest silence {self.silence:.1f} s",
            "recovered in " + (f"{self.recovery:.1f} s" if self.recovery is not None else "-"),
            f"slowest publish {self.slowest:.2f} s",
            *self.notes,
        ]
        return f"{self.name}: " + ", ".join(parts)


class Played(Protocol):
    name: str
    healed: float
    gaps: Counter[str]
    notes: list[str]


def figures_of(
    scene: Played, accounts: Sequence[Account], said: Sequence[Said], lost: set[str]
) -> Figures:
    """`lost`: ids of the events whose announcement the proxy lost."""
    ids = set[str]().union(*(tab.ids for tab in accounts))
    sure = {(event.user, event.mark) for event in said if event.durable}
    return Figures(
        scene.name,
        tabs=len(accounts),
        published=len(ids),
        sure=len(sure),
        applied=(
            min(len(tab.ids) for tab in accounts),
            max(len(tab.ids) for tab in accounts),
        ),
        resyncs=sum((tab.resyncs for tab in accounts), Counter()),
        codes=sum((tab.codes for tab in accounts), Counter()),
        lost=len(lost),
        repaired=len(lost & ids),
        gaps=scene.gaps,
        silence=max(_silence(tab) for tab in accounts),
        recovery=_recovery(accounts, said, scene.healed) if scene.healed else None,
        slowest=max(event.at - event.began for event in said),
        notes=scene.notes,
    )


def _counts(counter: Counter[str] | Counter[int]) -> str:
    return " ".join(f"{name}×{count}" for name, count in sorted(counter.items())) or "none"


def _silence(tab: Account) -> float:
    times = sorted(tab.times.values())
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


def _recovery(accounts: Sequence[Account], said: Sequence[Said], healed: float) -> float | None:
    """None when a tab heard nothing of what was said after the mend: one that was cut."""
    after = {(event.user, event.mark) for event in said if event.began > healed}
    firsts = []
    for tab in accounts:
        heard = [at for mark, at in tab.times.items() if (tab.user, mark) in after]
        if heard:
            firsts.append(min(heard) - healed)
    return max(firsts, default=None)
