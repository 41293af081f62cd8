"""ZIP: each file in it that can be read, under its name. Nothing is ever unpacked by that name."""

import zipfile
from collections.abc import Iterator

from documents.formats import MEGABYTE, Format, read_inside
from documents.media_types import ZIP
from documents.source import DAMAGED, Section, Source, Unreadable, check_sizes

MOST_FILES = 1000
_ENCRYPTED = 1  # a bit of a member's flags


def _read(source: Source) -> Iterator[Section]:
    try:
        with zipfile.ZipFile(source.path) as archive:
            yield from _members(source, archive)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError):
        raise Unreadable(DAMAGED) from None


def _members(source: Source, archive: zipfile.ZipFile) -> Iterator[Section]:
    items = [item for item in archive.infolist() if not _is_aside(item)]
    check_sizes(items)
    if len(items) > MOST_FILES:
        raise Unreadable(f"The archive holds more than {MOST_FILES} files.")
    if items and all(item.flag_bits & _ENCRYPTED for item in items):
        raise Unreadable(
            "The archive is protected by a password. Unpack it and upload what is in it."
        )
    for number, item in enumerate(items, 1):
        source.tell(number - 1, len(items), f"Reading file {number} of {len(items)}")
        name = item.filename.replace("\\", "/").lstrip("/")
        if item.flag_bits & _ENCRYPTED:
            source.note(f"{name}: it is protected by a password.")
            continue
        try:
            data = archive.read(item)
        except (zipfile.BadZipFile, EOFError, NotImplementedError):
            source.note(f"{name}: it is damaged.")
            continue
        yield from read_inside(source, name, data)


def _is_aside(item: zipfile.ZipInfo) -> bool:
    """Folders, and what systems add."""
    name = item.filename
    last = name.rpartition("/")[2]
    return item.is_dir() or name.startswith("__MACOSX/") or last in (".DS_Store", "Thumbs.db")


FORMAT = Format(
    media_type=ZIP,
    label="ZIP archives of all these",
    suffixes=(".zip",),
    recognise=lambda source: bool(source.entries) or source.head.startswith(b"PK\x05\x06"),
    read=_read,
    most_bytes=256 * MEGABYTE,
    rank=8,
    binary=True,
)
