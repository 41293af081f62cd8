"""Whatever way a reply's pieces come, a tab shows its text and its HTML."""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from chat import writer as writer_module
from chat.blocks import Growing, html_of
from chat.models import ChatSession, Message
from chat.writer import Writer
from realtime.coalesce import coalesced
from realtime.log import Entry
from realtime.models import Job, Status
from realtime.work import Report

MOST_HTML, MOST_CHARACTERS = 200, 20  # in one event, so that short texts are too large for one
FRAGMENTS = (
    "a", "b c", " ", "\n", "\n\n", "# ", "#", "- ", "* ", "1. ", "2) ", "+ ", "> ", "```",
    "```py\n", "    ", "\t", "***", "---", "===", "| a | b |", "|---|---|", "|", "`", "[1]", "[1]: http://x",
    "**", "_", "~~~", "<b>", "\\", "](u)", "[", "😀", "שלום", "&amp;",
)  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)
owners = itertools.count(10**9)  # a stream for each example
quickly = hypothesis(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@quickly
@given(texts, st.data())
@example("a\n| a | b |\n|---|---|x", None)
@example("a\n#b", None)
@example("- a\n*b*", None)
def test_blocks_that_replace_others_give_the_html_of_the_whole(text: str, data: Any) -> None:
    growing, shown, end = Growing({}), list[str](), 0
    while end < len(text):
        end += data.draw(st.integers(1, 12)) if data else 1
        first, blocks = growing.render(text[:end])
        growing.keep()
        assert first <= len(shown)
        shown[first:] = blocks
        assert shown == html_of(text[:end], {})


@dataclass
class Tab:
    """What `chat/growth.js` does. `row` is what the server would render now."""

    row: str
    text: str = ""
    blocks: list[str] = field(default_factory=list)
    rough: int | None = None

    def fetch(self, row: str) -> None:
        self.text, self.blocks, self.rough = row, html_of(row, {}), None

    def apply(self, event: dict[str, Any]) -> None:
        offset, content, first = event["contentOffset"], event["content"], event.get("blocksFrom")
        if offset > len(self.text):
            return self.fetch(self.row)
        if offset + len(content) < len(self.text):
            return None
        count = len(self.blocks)
        if first is not None and first > min(count, count if self.rough is None else self.rough):
            return self.fetch(self.row)
        has_more = offset + len(content) > len(self.text)
        assert content.startswith(self.text[offset:])
        self.text = self.text[:offset] + content
        if first is not None:
            self.blocks[first:], self.rough = event["blocks"], None
        elif has_more and self.rough is None:
            self.rough = max(0, count - 1)
        return None


class Clock:
    """The writer's; it does not go by itself."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Sent:
    """All that a reply sent, and what its row held after a number of events."""

    entries: list[Entry]
    rows: list[tuple[int, str]]


async def send(text: str, data: Any, clock: Clock) -> Sent:
    """Write a text in pieces of any length, with any pause between them, into a real log."""
    owner_id = next(owners)
    message = Message(session=ChatSession(), content="")
    writer = Writer(message, owner_id, Report(Job(attempt=1, status=Status.RUNNING)))
    await writer.render_with({}, [])
    rows, end = [(0, "")], 0
    with redis.Redis.from_url(settings.REALTIME_REDIS_URL) as client:

        def entries() -> list[Any]:
            return client.xrange(f"rt:{{{owner_id}}}:stream")

        while end < len(text):
            begin, end = end, end + data.draw(st.integers(1, 50), "characters")
            clock.now += data.draw(st.sampled_from([0.0, 0.06, 60.0]), "seconds")
            writer.text += text[begin:end]
            rows.append((len(entries()), writer.text))
            await writer.flush()
        clock.now += 60
        assert await writer._send(is_complete=True)
        found = entries()
    decoded = [Entry(n, e[b"e"], e[b"k"].decode()) for n, (_, e) in enumerate(found, 1)]
    return Sent(decoded, rows)


@quickly
@given(texts, st.data())
def test_pieces_in_any_split_repeated_and_merged_give_the_stored_text(
    monkeypatch: pytest.MonkeyPatch, text: str, data: Any
) -> None:
    clock = Clock()
    monkeypatch.setattr(writer_module, "time", clock)
    monkeypatch.setattr(writer_module, "MOST_HTML", MOST_HTML)
    monkeypatch.setattr(writer_module, "MOST_CHARACTERS", MOST_CHARACTERS)
    sent = asyncio.run(send(text, data, clock))
    place, row = data.draw(st.sampled_from(sent.rows), "the page was loaded at")
    tab = Tab(text)
    tab.fetch(row)
    while place < len(sent.entries):
        place -= data.draw(st.integers(0, min(place, 3)), "events come again")
        batch = sent.entries[place : place + data.draw(st.integers(1, 9), "events")]
        place += len(batch)
        if data.draw(st.booleans(), "the tab lags"):
            batch = coalesced(batch)
        for entry in batch:
            tab.apply(msgspec.json.decode(entry.payload))
    assert tab.text == text
    last = msgspec.json.decode(sent.entries[-1].payload)
    assert last["isComplete"]
    if tab.rough is None:
        assert tab.blocks == html_of(text, {})
    else:
        assert "blocks" not in last, "only what is too large for an event is left to be fetched"
