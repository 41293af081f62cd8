"""OpenDocument text, as Markdown."""

from collections.abc import Iterator

from odfdo import Document

from documents.formats import MEGABYTE, Format, divided
from documents.media_types import ODT
from documents.source import Section, Source, check_package


def _read(source: Source) -> Iterator[Section]:
    check_package(source)
    yield from divided(str(Document(source.path).to_markdown()))


FORMAT = Format(
    media_type=ODT,
    label="OpenDocument text (.odt)",
    suffixes=(".odt", ".ott"),
    recognise=lambda source: source.mimetype().startswith(ODT.encode()),
    read=_read,
    most_bytes=256 * MEGABYTE,
    binary=True,
)
