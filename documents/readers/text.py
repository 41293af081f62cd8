"""Plain text, Markdown and source code, as they are."""

from collections.abc import Iterator

from documents.decode import MOST_TEXT, decode, is_text
from documents.formats import Format, divided
from documents.media_types import MARKDOWN, PLAIN
from documents.source import Section, Source

_MARKDOWN = (".md", ".markdown", ".mdown")


def _read(source: Source) -> Iterator[Section]:
    yield from divided(decode(source))


FORMAT = Format(
    media_type=PLAIN,
    label="text, Markdown, source code",
    suffixes=(".txt", *_MARKDOWN),
    recognise=is_text,
    read=_read,
    most_bytes=MOST_TEXT,
    rank=9,
    type_of=lambda source: MARKDOWN if source.suffix in _MARKDOWN else PLAIN,
)
