"""What can be read: one registry of formats, each a module of `documents.readers`.

The content decides which format a file is of; the name only among kinds of text.
"""

import importlib
import pkgutil
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from magika import ContentTypeInfo, Magika

from documents import readers
from documents.source import Section, Source, Unreadable, clean

DEEPEST = 3  # archives and messages inside each other
PART = 200_000  # characters from which a text without pages is divided
MEGABYTE = 1024**2

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UNKNOWN = "not a format we know"


@dataclass(frozen=True)
class Format:
    """One kind of file.

    `recognise` looks at the content; where two would say yes, the one of lower `rank` is asked
    first. `read` gives the text, section by section, and raises Unreadable. Of those that are
    `binary` a file cannot be plain text by mistake, so that one named so must be of them.
    """

    media_type: str
    label: str
    suffixes: tuple[str, ...]
    recognise: Callable[[Source], bool]
    read: Callable[[Source], Iterator[Section]]
    most_bytes: int
    rank: int = 0
    binary: bool = False
    type_of: Callable[[Source], str] | None = None  # where one reader reads several types

    def found_in(self, source: Source) -> str:
        """The media type of this file."""
        return self.type_of(source) if self.type_of else self.media_type


@cache
def formats() -> list[Format]:
    """All, in the order in which they are asked."""
    names = [module.name for module in pkgutil.iter_modules(readers.__path__)]
    found = [importlib.import_module(f"{readers.__name__}.{name}").FORMAT for name in sorted(names)]
    return sorted(found, key=lambda each: each.rank)


def supported() -> str:
    labels = sorted((each.label for each in formats()), key=str.lower)
    return f"{', '.join(labels[:-1])} and {labels[-1]} can be read."


def recognise(source: Source) -> Format:
    """The format of a file. Raises Unreadable naming what it is otherwise."""
    if not source.size:
        raise Unreadable("The file is empty.")
    if source.head.startswith(_OLE):
        raise Unreadable(
            "The file is in an old Office format, or protected by a password. "
            "Save it as .docx, .xlsx or .pptx without one and upload it again."
        )
    found = next((each for each in formats() if each.recognise(source)), None)
    named = _named(source)
    if found is None or (named and named.binary and not found.binary):
        raise Unreadable(refusal(source))
    if named and named.binary and named is not found:
        source.note(f"It is named {source.suffix}, but its content is {found.label}.")
    return found


def read(source: Source, found: Format) -> Iterator[Section]:
    """The file's sections, as they are stored. Raises Unreadable."""
    if source.size > found.most_bytes:
        raise Unreadable(
            f"The file has {source.size // MEGABYTE} MB; "
            f"of {found.label} at most {found.most_bytes // MEGABYTE} MB are read."
        )
    try:
        for section in found.read(source):
            yield replace(section, text=clean(section.text), title=clean(section.title)[:255])
    except (Unreadable, MemoryError, BrokenPipeError):
        raise
    except RecursionError:
        raise Unreadable("The file is nested too deeply to be read.") from None
    except Exception as error:  # a parser's own, on a file that is none of its kind after all
        words = f"The file is damaged: it cannot be read ({type(error).__name__})."
        raise Unreadable(words) from error


def read_inside(source: Source, name: str, data: bytes) -> Iterator[Section]:
    """The sections of a file that was found in another, under its name; what cannot be read is
    noted."""
    if source.depth + 1 > DEEPEST:
        source.note(f"{name}: it lies more than {DEEPEST} archives or messages deep.")
        return
    with tempfile.NamedTemporaryFile(dir=source.folder) as file:
        file.write(data)
        file.flush()
        inner = Source(
            path=Path(file.name),
            name=name,
            folder=source.folder,
            tell=lambda _done, _total, words: source.tell(0, 1, f"{name}: {words}"),
            note=lambda words: source.note(f"{name}: {words}"),
            depth=source.depth + 1,
        )
        try:
            for section in read(inner, recognise(inner)):
                yield replace(section, title=f"{name}: {section.title}" if section.title else name)
        except Unreadable as why:
            source.note(f"{name}: {why}")


def divided(text: str, title: str = "") -> Iterator[Section]:
    """A text without pages, as one or several sections that end with a line where they can.

    Joined by line breaks they are the text again, but for a line that is longer than a section.
    """
    start = 0
    while len(text) - start > PART:
        end = text.rfind("\n", start + PART // 2, start + PART)
        cut = end if end >= 0 else start + PART
        yield Section(text[start:cut], title)
        start = cut + (end >= 0)
    yield Section(text[start:], title)


def refusal(source: Source) -> str:
    """Why a file is not taken: what it really is, and what to do about it."""
    kind = magika().identify_path(source.path).output
    words = f"named {source.suffix} but its content is " if source.suffix else ""
    named = _named(source)
    is_text = kind.is_text and kind.label != "rtf"
    if _holds_only_zeros(source.path):
        return f"The file is {words}nothing but zeros. It may not have been copied to its end."
    if is_text and named and named.binary:
        what, name = ("HTML", ".html") if kind.label == "html" else ("plain text", ".txt")
        return f"The file is {words}{what}. Rename it to {name} to have it read as that."
    if is_text or (named and not named.binary and b"\0" not in source.head):
        if _holds_zeros(source.path):
            return f"The file is {words}no text: it holds null bytes. Save it anew as plain text."
        if is_text:
            return "The file is text in an encoding that we do not know. Save it anew as UTF-8."
    if source.suffix.lstrip(".") in kind.extensions:
        words = ""
    return f"The file is {words}{_described(kind)}. {supported()}"


def _named(source: Source) -> Format | None:
    """The format that its name is of."""
    return next((each for each in formats() if source.suffix in each.suffixes), None)


def _described(kind: ContentTypeInfo) -> str:
    if kind.label in ("unknown", "undefined"):
        return _UNKNOWN
    what = re.sub(r" (data|document|file)$", "", kind.description)
    return f"{'an' if what[0] in 'AEIOaeio' else 'a'} {what} file"


def _holds_zeros(path: Path) -> bool:
    return any(b"\0" in part for part in _parts(path))


def _holds_only_zeros(path: Path) -> bool:
    zeros = bytes(MEGABYTE)
    return all(part == zeros[: len(part)] for part in _parts(path))


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(MEGABYTE):
            yield part


@cache
def magika() -> Magika:
    return Magika()
