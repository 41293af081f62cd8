"""Passages made of the chunks that were found: neighbours joined, near-duplicates left out."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models.functions import Length

from documents.models import Chunk, Page
from rag.models import FoundPassage
from rag.terms import terms

MOST_JOINED = 3  # chunks in a passage
LOOKED_AT = 2  # times as many chunks as passages are wanted
ALIKE = 0.9  # of the terms of two chunks, those that are in both


@dataclass(frozen=True)
class Passage:
    """What was found for a question. `rank` counts from 1; `score` is the cosine to the question.

    `start` and `end` are characters of page `page`; where it runs on to `page_to`, `end` is the
    end of `page`.
    """

    rank: int
    chunk_id: int
    document_id: uuid.UUID
    document_name: str
    page: int
    page_to: int
    start: int
    end: int
    text: str
    score: float

    @classmethod
    def of(cls, row: FoundPassage) -> "Passage":
        """A passage that was kept, and whose document is still there."""
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})


@dataclass
class Group:
    """Chunks that follow each other; `best` is the first that was found."""

    best: Chunk
    chunks: list[Chunk]
    words: frozenset[str]


@dataclass
class Picked:
    groups: list[Group] = field(default_factory=list)
    joined: int = 0
    alike: int = 0


def pick(best: Sequence[int], most: int, *, join: bool, distinct: bool) -> Picked:
    """At most so many groups, in the order of the chunks; those that were deleted meanwhile are
    left out. Chunks further back are looked at for neighbours of those before them."""
    looked_at = list(best[: most * LOOKED_AT]) if join or distinct else list(best[:most])
    chunks = Chunk.objects.select_related("document").in_bulk(looked_at)
    picked = Picked()
    for chunk in (chunks[pk] for pk in looked_at if pk in chunks):
        words = frozenset(terms(chunk.text))
        if distinct and any(_alike(words, group.words) for group in picked.groups):
            picked.alike += 1
        elif join and (group := _neighbour(chunk, picked.groups)):
            group.chunks = sorted([*group.chunks, chunk], key=lambda each: each.index)
            picked.joined += 1
        elif len(picked.groups) < most:
            picked.groups.append(Group(chunk, [chunk], words))
    return picked


def _alike(these: frozenset[str], those: frozenset[str]) -> bool:
    both = len(these & those)
    return bool(both) and both >= ALIKE * len(these | those)


def _neighbour(chunk: Chunk, groups: list[Group]) -> Group | None:
    for group in groups:
        first, last = group.chunks[0], group.chunks[-1]
        is_next = chunk.index in (first.index - 1, last.index + 1)
        if is_next and chunk.document_id == first.document_id and len(group.chunks) < MOST_JOINED:
            return group
    return None


def passages_of(groups: Sequence[Group], scores: dict[int, float]) -> list[Passage]:
    """Passages with their texts and places; `scores` are those of chunks."""
    places = _places(groups)
    passages: list[Passage] = []
    for group in groups:
        first, last = group.chunks[0], group.chunks[-1]
        if (first.document_id, first.page) not in places:
            continue  # deleted meanwhile
        page_start, length = places[first.document_id, first.page]
        passages.append(
            Passage(
                rank=len(passages) + 1,
                chunk_id=group.best.pk,
                document_id=first.document_id,
                document_name=first.document.name,
                page=first.page,
                page_to=last.page_to,
                start=first.start - page_start,
                end=min(last.end - page_start, length),
                text=_joined(group.chunks),
                score=round(max(scores.get(each.pk, 0.0) for each in group.chunks), 4),
            )
        )
    return passages


def _joined(chunks: Sequence[Chunk]) -> str:
    """The document's text from the first chunk to the last: chunks overlap, or white space that
    begins a line is between them."""
    text, end = chunks[0].text, chunks[0].end
    for chunk in chunks[1:]:
        if chunk.start > end:
            text += _between(chunk, end)
        text += chunk.text[max(0, end - chunk.start) :]
        end = max(end, chunk.end)
    return text


def _between(chunk: Chunk, start: int) -> str:
    pages = Page.objects.filter(document=chunk.document_id, start__lte=chunk.start)
    rows = pages.filter(number__gte=chunk.page - 1).values_list("start", "text")
    found = dict(rows)
    first = min(found, default=0)
    whole = "\n".join(found[at] for at in sorted(found))
    between = whole[max(0, start - first) : chunk.start - first]
    return between if len(between) == chunk.start - start else " " * (chunk.start - start)


def _places(groups: Sequence[Group]) -> dict[tuple[uuid.UUID, int], tuple[int, int]]:
    """Start and length in characters of the pages that the passages begin on."""
    firsts = [group.chunks[0] for group in groups]
    pages = Page.objects.filter(
        document_id__in={chunk.document_id for chunk in firsts},
        number__in={chunk.page for chunk in firsts},
    )
    rows = pages.annotate(length=Length("text")).values_list(
        "document_id", "number", "start", "length"
    )
    return {(document, number): (start, length) for document, number, start, length in rows}
