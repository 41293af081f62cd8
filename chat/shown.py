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
from chat.tools import Tool, named, servers
from rag.markdown import Source, cited
from rag.sources import sources_of
from realtime.models import ACTIVE, Status

LONG, LONG_LINES = 2_000, 20


@dataclass(frozen=True)
class Card:
    """A tool call. `arguments` as readable JSON; `tool` while it waits for its owner."""

    call: ToolCall
    arguments: str
    tool: Tool | None = None

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
    def is_long(self) -> bool:
        """What a person wrote, too long to be shown at its full height."""
        content = self.message.content
        return len(content) > LONG or content.count("\n") > LONG_LINES

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
    message, job = step.message, step.message.job
    if job and job.status == Status.RUNNING and message.attempt != job.attempt:
        message.content = message.content[: message.settled]  # as the new attempt will find it
    rows = list(message.sources.all())
    sources = {rank: _here(source, message) for rank, source in sources_of(rows).items()}
    return Shown(
        message,
        step,
        _parts(message, sources) if message.is_reply else [],
        [(row, sources[row.rank]) for row in rows],
        cited(message.content, sources),
    )


def _here(source: Source, message: Message) -> Source:
    """A source whose document is gone is shown below the reply: a page has many with its rank."""
    if not source.url.startswith("#"):
        return source
    return source._replace(url=f"#source-{message.pk}-{source.url.rpartition('-')[2]}")


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
        owner_id = message.session.owner_id
        parts.append(Part(blocks(offset), [_card(call, owner_id) for call in calls]))
        begin = offset
    parts.append(Part(blocks(None)))
    return parts


def _card(call: ToolCall, owner_id: int) -> Card:
    arguments = json.dumps(call.arguments, indent=2, ensure_ascii=False)
    if call.status != CallStatus.AWAITING_APPROVAL:
        return Card(call, arguments)
    known = named(servers(owner_id, [call.server_id]))
    return Card(call, arguments, next((t for _, t in known.values() if t.name == call.name), None))


@lru_cache(maxsize=2_000)
def _html(text: str, sources: tuple[tuple[int, Source], ...]) -> tuple[str, ...]:
    return tuple(html_of(text, dict(sources)))
