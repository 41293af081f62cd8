"""A message as its page shows it: blocks of HTML and cards of tool calls, in order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby

from django.db.models import prefetch_related_objects

from chat.blocks import html_of
from chat.models import CallStatus, Message, ToolCall
from chat.path import Step
from rag.markdown import Source, cited
from rag.sources import sources_of
from realtime.models import ACTIVE, Status


@dataclass(frozen=True)
class Card:
    """A tool call. `arguments` as readable JSON."""

    call: ToolCall
    arguments: str

    @property
    def awaits(self) -> bool:
        return self.call.status == CallStatus.AWAITING_APPROVAL


@dataclass(frozen=True)
class Part:
    """Blocks, each with its number, and the cards that stand after them."""

    blocks: list[tuple[int, str]]
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True)
class Shown:
    """`length` in characters, as `contentOffset` counts."""

    message: Message
    step: Step
    parts: list[Part]
    sources: list[tuple[object, Source]]
    cited: set[int]

    @property
    def length(self) -> int:
        return len(self.message.content)

    @property
    def job_status(self) -> str:
        return self.message.job.status if self.message.job else ""

    @property
    def is_writing(self) -> bool:
        """It may change at any time."""
        return self.job_status in ACTIVE

    @property
    def is_in_turn(self) -> bool:
        """It waits for the reply before it."""
        job = self.message.job
        return bool(job and job.status == Status.WAITING and job.attempt == 0)

    @property
    def previous(self) -> object:
        """The version before this one, or None."""
        place = self.step.version - 1
        return self.step.versions[place - 1] if place else None

    @property
    def next(self) -> object:
        place = self.step.version
        return self.step.versions[place] if place < len(self.step.versions) else None


def shown_steps(steps: Sequence[Step]) -> list[Shown]:
    prefetch_related_objects([step.message for step in steps], "tool_calls", "sources")
    return [shown_message(step) for step in steps]


def shown_message(step: Step) -> Shown:
    message = step.message
    rows = list(message.sources.all())
    sources = sources_of(rows)
    return Shown(
        message,
        step,
        _parts(message, sources) if message.is_reply else [],
        [(row, sources[row.rank]) for row in rows],
        cited(message.content, sources),
    )


def _parts(message: Message, sources: dict[int, Source]) -> list[Part]:
    """The text between the rounds of tools; blocks are numbered through."""
    key = tuple(sorted(sources.items()))
    parts: list[Part] = []
    begin = number = 0

    def blocks(end: int | None) -> list[tuple[int, str]]:
        nonlocal number
        html = _html(message.content[begin:end], key)
        numbered = list(enumerate(html, number))
        number += len(html)
        return numbered

    for offset, calls in groupby(message.tool_calls.all(), key=lambda call: call.offset):
        parts.append(Part(blocks(offset), [_card(call) for call in calls]))
        begin = offset
    parts.append(Part(blocks(None)))
    return parts


def _card(call: ToolCall) -> Card:
    return Card(call, json.dumps(call.arguments, indent=2, ensure_ascii=False))


@lru_cache(maxsize=2_000)
def _html(text: str, sources: tuple[tuple[int, Source], ...]) -> tuple[str, ...]:
    return tuple(html_of(text, dict(sources)))
