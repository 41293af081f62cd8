"""Sentences of a text, with their places."""

import re

Span = tuple[int, int]

_SHORT = (
    "mr mrs ms dr prof st vs etc e.g i.e cf al approx ca dept inc ltd jr sr u.s u.k a.m p.m "
    "bzw z.b d.h"
)
_ABBREVIATIONS = frozenset(_SHORT.split())
_BEFORE_NUMBERS = frozenset(
    ["no", "nos", "fig", "figs", "vol", "pp", "p", "ch", "sec", "eq", "art"]
)
# An end: a stop with its closing quotes before a space, a CJK stop, or a blank line.
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”]*|\n\s*\n")
_LAST_WORD = re.compile(r"[^\s(\[\"'“]+$")
_BULLET = re.compile(r"\n(?=\s*(?:[-*•‣◦▪]|\d{1,3}[.)])\s)")


def sentences(text: str) -> list[Span]:
    """The (start, end) of each sentence, without white space around it, in order.

    A stop after an abbreviation, an initial or a number before a lower-case word ends nothing.
    """
    ends = [match.end() for match in _END.finditer(text) if _is_end(text, match)]
    ends += [match.start() for match in _BULLET.finditer(text)]
    spans: list[Span] = []
    start = 0
    for end in [*sorted(set(ends)), len(text)]:
        piece = text[start:end]
        stripped = piece.strip()
        if stripped:
            begin = start + len(piece) - len(piece.lstrip())
            spans.append((begin, begin + len(stripped)))
        start = end
    return spans


def _is_end(text: str, match: re.Match[str]) -> bool:
    stop = match.group()
    if not stop.startswith(".") or stop.startswith(".."):
        return True
    following = text[match.end() :].lstrip()[:1]
    if following.islower():
        return False
    word = _LAST_WORD.search(text[max(0, match.start() - 20) : match.start()])
    if word is None:
        return True
    last = word.group().lower()
    if last in _BEFORE_NUMBERS and following.isdigit():
        return False
    is_initial = len(last) == 1 and last.isalpha()
    return last not in _ABBREVIATIONS and not is_initial and not _is_item(text, match, last)


def _is_item(text: str, match: re.Match[str], last: str) -> bool:
    """Is the stop that of a list's number, as in `2. Then`?"""
    before = text[max(0, match.start() - len(last) - 3) : match.start() - len(last)]
    return last.isdigit() and (not before.strip(" ") or before.rstrip(" ")[-1] in "\n.!?:;")
