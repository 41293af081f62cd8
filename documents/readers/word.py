"""Word: one text as Markdown; macros are not looked at."""

from collections.abc import Iterator

from documents.formats import MEGABYTE, Format, divided
from documents.markup import to_markdown
from documents.media_types import DOCX
from documents.source import Section, Source, check_package


def _read(source: Source) -> Iterator[Section]:
    check_package(source)
    yield from divided(to_markdown(source.path.read_bytes(), DOCX, ".docx"))


FORMAT = Format(
    media_type=DOCX,
    label="Word (.docx)",
    suffixes=(".docx", ".docm"),
    recognise=lambda source: "word/document.xml" in source.entries,
    read=_read,
    most_bytes=256 * MEGABYTE,
    binary=True,
)
