"""What a reader is given, and what it gives: of one upload, or of a file inside one.

Nothing here or in `documents.readers` imports Django: it runs in a process of its own, which is
given no settings and no secrets.
"""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

HEAD = 4096  # bytes in which a format shows
MOST_UNPACKED = 256 * 1024**2  # bytes that a zipped format may unfold to
MOST_ENTRIES = 5_000  # in a zipped format
MOST_MARKUP = 16 * 1024**2  # bytes of HTML or XML: a converter takes 70 times that in memory
DAMAGED = "The file is damaged: it cannot be unpacked."

_NO_MARKUP = re.compile(
    r"(^|/)(media|embeddings|fonts|Pictures|images)/|\.(png|jpe?g|gif|ttf)$", re.I
)


class Unreadable(Exception):
    """The file cannot be read; `str()` is what its owner is told."""


class Locked(Unreadable):
    """It is protected by a password, and none, or a wrong one, was given."""


@dataclass(frozen=True)
class Section:
    """The text of a page, slide, sheet, chapter or message; `title` where a number says little."""

    text: str
    title: str = ""


Tell = Callable[[int, int, str], None]  # done, total, words
Note = Callable[[str], None]


@dataclass
class Source:
    """A file on disk that is to be read; `name` is what its owner calls it.

    `tell` is called with how far the reading is, `note` with what had to be left out or
    guessed. `folder` is
    for files that are unpacked, `depth` counts the archives and messages around this one.
    """

    path: Path
    name: str
    folder: Path
    tell: Tell
    note: Note
    password: str = field(default="", repr=False)
    depth: int = 0

    @cached_property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    @cached_property
    def size(self) -> int:
        return self.path.stat().st_size

    @cached_property
    def head(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(HEAD)

    @cached_property
    def entries(self) -> frozenset[str]:
        """The names in a ZIP file; none when it is something else."""
        if not self.head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return frozenset()
        try:
            with zipfile.ZipFile(self.path) as archive:
                return frozenset(archive.namelist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise Unreadable(DAMAGED) from None

    def mimetype(self) -> bytes:
        """What an OpenDocument or EPUB file says that it is."""
        if "mimetype" not in self.entries:
            return b""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open("mimetype") as file:
                return file.read(200).strip()
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
            raise Unreadable(DAMAGED) from None


def check_package(source: Source) -> None:
    """Refuse a zipped format that unfolds to too much, or whose XML declares entities.

    The sizes that an archive declares are binding: no more is unfolded than that.
    """
    try:
        with zipfile.ZipFile(source.path) as archive:
            items = archive.infolist()
            check_sizes(items)
            markup = [item for item in items if not _NO_MARKUP.search(item.filename)]
            check_markup(sum(item.file_size for item in markup))
            for item in markup:
                if item.filename.endswith((".xml", ".rels", ".opf", ".ncx", ".xhtml", ".html")):
                    with archive.open(item) as file:
                        _check_entities(file.read(HEAD))
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError):
        raise Unreadable(DAMAGED) from None


def check_sizes(items: list[zipfile.ZipInfo]) -> None:
    if len(items) > MOST_ENTRIES:
        raise Unreadable(f"The file holds more than {MOST_ENTRIES} files.")
    if sum(item.file_size for item in items) > MOST_UNPACKED:
        raise Unreadable(f"The file unfolds to more than {MOST_UNPACKED // 1024**2} MB.")


def check_markup(size: int) -> None:
    if size > MOST_MARKUP:
        raise Unreadable(
            f"The file holds more than {MOST_MARKUP // 1024**2} MB of text and markup. "
            "Split it, or save it as plain text or PDF."
        )


def _check_entities(head: bytes) -> None:
    if b"<!ENTITY" in head.replace(b"\0", b""):  # also in UTF-16
        raise Unreadable(
            "The file declares XML entities, as no office program does; it is not opened."
        )


def clean(text: str) -> str:
    """One kind of line break, and nothing that PostgreSQL refuses: NUL and lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return text.encode("utf-8", "ignore").decode()
