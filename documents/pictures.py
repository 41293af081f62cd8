"""Pictures of pages and previews of chunks: made by a worker while a person waits for them.

A picture is kept for a day, in a folder that web processes and workers share, as they do uploads.
"""

import shutil
import time
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings

from documents.cut import Cut
from documents.media_types import PDF
from documents.models import Document
from realtime.ask import NoAnswer, ask

DRAW, CUT = "documents.draw", "documents.preview_cut"
QUEUE = "interactive"
WAIT = 20  # seconds
WIDTHS = (800, 1600)  # pixels
KEPT_SECONDS = 24 * 3600
MOST_BYTES = 512 * 1024**2  # of all pictures


class NoPicture(Exception):
    """`str()` says why, to the person who wanted to see the page."""


def picture(document: Document, page: int, width: int) -> bytes:
    """A page of a PDF as WebP. Raises NoPicture."""
    path = picture_path(document.pk, page, width)
    if not path.exists():
        _ask(DRAW, document, page, width, 0, 0)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NoPicture("The picture is gone. Try again.") from None


def boxes(document: Document, page: int, start: int, end: int) -> list[list[float]]:
    """Where characters `start` to `end` of the page stand: left, top, right and bottom of each
    line, in parts of the page's size. Raises NoPicture."""
    found: list[list[float]] = _ask(DRAW, document, page, 0, start, end)["boxes"]
    return found


def preview(document: Document, cut: Cut, page: int) -> dict[str, Any]:
    """The chunks from a page on, cut as asked. Raises NoPicture."""
    return _ask(CUT, document, cut.tokens, cut.overlap, page)


def picture_path(document_id: uuid.UUID, page: int, width: int) -> Path:
    return settings.PICTURES_ROOT / document_id.hex / f"{page}-{width}.webp"


def _ask(task: str, document: Document, *arguments: Any) -> dict[str, Any]:
    if task == DRAW and document.media_type != PDF:
        raise NoPicture("Only the pages of a PDF are shown as pictures.")
    try:
        found: dict[str, Any] = ask(task, str(document.pk), *arguments, queue=QUEUE, seconds=WAIT)
    except NoAnswer:
        raise NoPicture("No worker answered in time. Try again in a moment.") from None
    if "error" in found:
        raise NoPicture(found["error"])
    return found


def forget_pictures(document_id: uuid.UUID) -> None:
    """The document is gone."""
    folder: Path = settings.PICTURES_ROOT / document_id.hex
    for path in folder.glob("*"):
        path.unlink(missing_ok=True)
    if folder.exists():
        folder.rmdir()


def tidy() -> None:
    """Delete pictures that are old, then the oldest until the rest is not too much; and what a
    killed worker has left unpacked."""
    found = [(path.stat(), path) for path in settings.PICTURES_ROOT.glob("*/*")]
    found.sort(key=lambda each: each[0].st_mtime, reverse=True)
    size, now = 0, time.time()
    for status, path in found:
        size += status.st_size
        if size > MOST_BYTES or now - status.st_mtime > KEPT_SECONDS:
            path.unlink(missing_ok=True)
    for folder in settings.UNPACKED_ROOT.glob("*"):
        if now - folder.stat().st_mtime > max(KEPT_SECONDS, settings.READER_SECONDS):
            shutil.rmtree(folder, ignore_errors=True)
