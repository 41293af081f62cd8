"""Citations `[n]` in a text that is being written: those of passages that exist stay."""

import re
from collections.abc import Collection, Iterable, Iterator

_CITATION = re.compile(r"(\s*)\[\s*(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\s*\]")
# What may still become a citation, at the end of what has come so far.
_OPEN = re.compile(r"\s*(?:\[[\d\s,;]{0,40})?\Z")


def without_citations(text: str) -> str:
    """The text without any `[n]`: in a quote they are the source's own, and would mislead."""
    return _CITATION.sub("", text)


def only_known(pieces: Iterable[str], known: "Known") -> Iterator[str]:
    """The pieces, without citations of anything but what is known; `[1, 9]` becomes `[1]`."""
    for piece in pieces:
        if ready := known.add(piece):
            yield ready
    if rest := known.rest():
        yield rest


class Known:
    """Takes away citations of anything but `ranks` from a text that comes in pieces.

    White space and an open bracket are held back until it is clear what they are. `invented` are
    the ranks that were taken away.
    """

    def __init__(self, ranks: Collection[int]) -> None:
        self._ranks = ranks
        self._held = ""
        self.invented: set[int] = set()

    def add(self, piece: str) -> str:
        """What is ready now."""
        held = self._held + piece
        found = _OPEN.search(held)
        end = found.start() if found else len(held)
        self._held = held[end:]
        return self._filtered(held[:end])

    def rest(self) -> str:
        """What is left at the end."""
        held, self._held = self._held, ""
        return self._filtered(held)

    def _filtered(self, text: str) -> str:
        return _CITATION.sub(self._known, text)

    def _known(self, match: re.Match[str]) -> str:
        ranks = re.findall(r"\d+", match[2])
        kept = [rank for rank in ranks if int(rank) in self._ranks]
        self.invented |= {int(rank) for rank in ranks} - set(self._ranks)
        return match[1] + "".join(f"[{rank}]" for rank in kept) if kept else ""
