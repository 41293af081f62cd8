"""OpenDocument text, as Markdown."""

import zipfile
from collections.abc import Iterator

from odfdo import Document

from documents.formats import MEGABYTE, Format, divided
from documents.media_types import ODT
from documents.source import Section, Source, Unreadable, check_package


def _read(source: Source) -> Iterator[Section]:
    check_package(source)
    with zipfile.ZipFile(source.path) as package:
        if b"encryption-data" in package.read("META-INF/manifest.xml"):
            raise Unreadable("The file is protected by a password. Save it without one.")
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
