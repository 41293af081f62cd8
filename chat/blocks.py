"""The HTML of a reply's text, block by block, complete or while it grows."""

from collections.abc import Mapping

from rag.markdown import Source, render_blocks

Sources = Mapping[int, Source]


def html_of(text: str, sources: Sources) -> list[str]:
    return [html for _, html in render_blocks(text, sources)]


class Growing:
    """A text that grows at its end. All blocks but the last are final and rendered once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._final = 0  # blocks
        self._begin = 0  # where the first block begins that is not final

    def render(self, text: str) -> tuple[int, list[str]]:
        """The number of the first block that may have changed since the last time, and the HTML
        of the blocks from there on."""
        tail = text[self._begin :]
        blocks = render_blocks(tail, self._sources)
        first = self._final
        if len(blocks) > 1:
            line = blocks[-1][0]
            self._begin += sum(len(words) + 1 for words in tail.split("\n")[:line])
            self._final += len(blocks) - 1
        return first, ["".join((html,)) for _, html in blocks]  # plain strings can be sent

    def cut(self, text: str) -> None:
        """What comes after the text begins a block."""
        first, blocks = self.render(text)
        self._begin, self._final = len(text), first + len(blocks)
