"""EPUB: a page for each part of the book, in the order in which it is read."""

import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from documents.formats import MEGABYTE, Format
from documents.markup import to_markdown
from documents.media_types import EPUB, HTML
from documents.source import Section, Source, Unreadable, check_package

_DAMAGED = "The book is damaged: its contents cannot be found."


def _read(source: Source) -> Iterator[Section]:
    check_package(source)
    try:
        with zipfile.ZipFile(source.path) as archive:
            if "META-INF/encryption.xml" in source.entries and "META-INF/rights.xml" in (
                source.entries
            ):
                raise Unreadable("The book is protected against copying.")
            parts = _spine(archive)
            for number, part in enumerate(parts, 1):
                source.tell(number - 1, len(parts), f"Reading part {number} of {len(parts)}")
                text = to_markdown(archive.read(part), HTML, ".html")
                yield Section(text, _title(text))
    except (KeyError, ParseError, DefusedXmlException, zipfile.BadZipFile, RuntimeError):
        raise Unreadable(_DAMAGED) from None


def _spine(archive: zipfile.ZipFile) -> list[str]:
    """The names in the archive of what is read, in order."""
    container = fromstring(archive.read("META-INF/container.xml"))
    package = _all(container, "rootfile")[0].get("full-path") if _all(container, "rootfile") else ""
    if not package:
        raise KeyError
    root = fromstring(archive.read(package))
    items = {item.get("id"): item.get("href", "") for item in _all(root, "item")}
    folder = posixpath.dirname(package)
    names = [items.get(reference.get("idref"), "") for reference in _all(root, "itemref")]
    there = set(archive.namelist())
    paths = [posixpath.normpath(posixpath.join(folder, unquote(name))) for name in names if name]
    return [path for path in paths if path in there]


def _all(root: Element, name: str) -> list[Element]:
    """The elements of that name, whatever their namespace."""
    return [element for element in root.iter() if str(element.tag).rpartition("}")[2] == name]


def _title(text: str) -> str:
    line = next((line for line in text.splitlines() if line.startswith("#")), "")
    return line.lstrip("# ").strip()


FORMAT = Format(
    media_type=EPUB,
    label="EPUB",
    suffixes=(".epub",),
    recognise=lambda source: (
        source.mimetype() == EPUB.encode() or "META-INF/container.xml" in source.entries
    ),
    read=_read,
    most_bytes=256 * MEGABYTE,
    rank=1,
    binary=True,
)
