"""Files of folders as documents: what is new comes in, what changed is replaced, what is gone is
told. A document knows by its `source` which file it came from; what changed shows by the hash."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from django.contrib.auth.models import User

from documents.intake import IfDuplicate, Refused, clean_name, remove, take_in
from documents.models import MOST_SOURCE, Document

What = Literal["new", "changed", "moved", "same", "there", "gone", "removed", "failed"]


@dataclass(frozen=True)
class Found:
    """What a file turned out to be. `there`: another document has the same content.

    `words` say why it failed.
    """

    path: Path
    what: What
    document: Document | None = None
    words: str = ""

    @property
    def is_taken(self) -> bool:
        return self.what in ("new", "changed")


def sync_file(owner: User, path: Path, if_duplicate: IfDuplicate = "skip") -> Found:
    """Take in a file that is new or has changed since; the changed one replaces its document."""
    source = str(path.resolve())
    if len(source) > MOST_SOURCE:
        return Found(path, "failed", words="The path is too long.")
    known = list(Document.objects.filter(owner=owner, source=source).order_by("-created_at"))
    try:
        with path.open("rb") as file:
            if known and known[0].sha256 == hashlib.file_digest(file, "sha256").hexdigest():
                return Found(path, "same", known[0])
            file.seek(0)
            taken = take_in(owner, file, path.name, if_duplicate, source=source, replaces=known)
    except OSError as error:
        return Found(path, "failed", words=f"cannot be read: {error.strerror}")
    except Refused as refusal:
        return Found(path, "failed", words=str(refusal))
    if taken.duplicate_of != taken.document.pk:
        return Found(path, "changed" if known else "new", taken.document)
    if taken.document.source and not Path(taken.document.source).exists():
        fields = {"source": source, "name": clean_name(path.name)}
        Document.objects.filter(pk=taken.document.pk).update(**fields)
        return Found(path, "moved", taken.document)
    return Found(path, "there", taken.document)


def gone(owner: User, places: Iterable[Path], *, delete: bool) -> Iterator[Found]:
    """Documents whose files were at or in these places, and are no longer. They stay, unless they
    are to be deleted."""
    for place in places:
        root = str(place.resolve())
        came = Document.objects.filter(owner=owner, source__startswith=root).order_by("source")
        for document in came.select_related("job"):
            is_inside = document.source == root or document.source.startswith(f"{root}/")
            if is_inside and not Path(document.source).exists():
                if delete:
                    remove(document)
                yield Found(Path(document.source), "removed" if delete else "gone", document)


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those in the folders, by name; hidden ones are left out of folders."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for inner in sorted(path.rglob("*")):
            if inner.is_file() and not is_hidden(inner, path):
                yield inner


def is_hidden(inner: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in inner.relative_to(root).parts)
