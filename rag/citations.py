"""Citations `[n]` in a text that is being written: those of passages that exist stay."""

import re
from collections.abc import Collection, Iterable, Iterator

_CITATION = re.compile(r"(\s*)\[\s*(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\s*\]")
# What may still become a citation, at the end of what has come so far.
_OPEN = re.compile(r"\s*(?:\[[\d\s,;]{0,40})?\Z")


def without_citations(text: str) -> str:
    """The text without any `[n]`: in a quote they are the source's own, and would mislead."""
    return _CITATION.sub("", text)


def only_known(pieces: Iterable[str], ranks: Collection[int]) -> Iterator[str]:
    """The pieces, without citations of anything but `ranks`; `[1, 9]` becomes `[1]`.

    White space and an open bracket are held back until it is clear what they are.
    """
    held = ""
    for piece in pieces:
        held += piece
        ready = _OPEN.search(held)
        end = ready.start() if ready else len(held)
        if end:
            yield from _filtered(held[:end], ranks)
            held = held[end:]
    yield from _filtered(held, ranks)


def _filtered(text: str, ranks: Collection[int]) -> Iterator[str]:
    def known(match: re.Match[str]) -> str:
        kept = [rank for rank in re.findall(r"\d+", match[2]) if int(rank) in ranks]
        return match[1] + "".join(f"[{rank}]" for rank in kept) if kept else ""

    if filtered := _CITATION.sub(known, text):
        yield filtered
