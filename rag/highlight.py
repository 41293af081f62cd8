"""The words of a question in a text that was found, to be marked."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from rag.language import language_of
from rag.terms import terms

SHOWN = 420  # characters of a passage
BEFORE = 80  # of them at most before the first word that is marked
_WORD = re.compile(r"\w+")


class Piece(NamedTuple):
    text: str
    is_marked: bool


def pieces(question: str, text: str, most: int = SHOWN) -> list[Piece]:
    """The text, or the part of it with the most words of the question, cut where they stand."""
    text = " ".join(text.split())
    spans = list(_marked(question, text))
    start = _best_start(spans, most) if len(text) > most else 0
    shown = text[start : start + most]
    found: list[Piece] = [Piece("…", False)] if start else []
    at = 0
    for begin, end in ((b - start, e - start) for b, e in spans):
        if begin < at or end > len(shown):
            continue
        found += [Piece(shown[at:begin], False), Piece(shown[begin:end], True)]
        at = end
    found.append(Piece(shown[at:] + ("…" if start + most < len(text) else ""), False))
    return [piece for piece in found if piece.text]


def _marked(question: str, text: str) -> Iterator[tuple[int, int]]:
    language = language_of(text)
    asked = set(terms(question, language))
    for word in _WORD.finditer(text):
        if asked.intersection(terms(word.group(), language)):
            yield word.span()


def _best_start(spans: list[tuple[int, int]], most: int) -> int:
    """Where to begin, so that the most marked words are shown."""
    if not spans:
        return 0
    starts = [max(0, begin - BEFORE) for begin, _ in spans]
    return max(
        starts,
        key=lambda start: (sum(start <= b and e <= start + most for b, e in spans), -start),
    )
