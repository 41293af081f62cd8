"""The HTML of a reply's text, block by block, complete or while it grows."""

from collections.abc import Mapping
from typing import NamedTuple

from rag.markdown import Source, render_blocks

Sources = Mapping[int, Source]
SURE_LINES = 2  # a table is one only by its second line


class Html(NamedTuple):
    """Blocks of HTML in place of all that were shown from a number on, that of the first."""

    first: int
    blocks: list[str]


def html_of(text: str, sources: Sources) -> list[str]:
    return [html for _, html in render_blocks(text, sources)]


class Growing:
    """A text that grows at its end, whose final blocks are rendered once.

    A block is final when another follows whose first lines are complete: until then it may still
    turn out to go on, as `#` alone is a heading and `#1` is not.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._begin = self._first = 0  # of what is not final: its place in the text, and its number
        self._next = (0, 0)

    def render(self, text: str) -> Html:
        """The blocks that may have changed since the last that were `keep`t."""
        tail = text[self._begin :]
        blocks = render_blocks(tail, self._sources)
        complete = tail.count("\n") - SURE_LINES
        final = max((n for n, (line, _) in enumerate(blocks) if line <= complete), default=0)
        begin = self._begin
        if final:
            begin += sum(len(line) + 1 for line in tail.split("\n")[: blocks[final][0]])
        self._next = begin, self._first + final
        plain = ["".join((html,)) for _, html in blocks]  # SafeString cannot be sent
        return Html(self._first, plain)

    def keep(self) -> None:
        """What was rendered last was sent."""
        self._begin, self._first = self._next

    def cut(self, text: str) -> None:
        """What comes after the text begins a block."""
        first, blocks = self.render(text)
        self._begin, self._first = len(text), first + len(blocks)
