"""What a worker answers while a person waits: a page as a picture, a text cut otherwise."""

import threading
import uuid
from pathlib import Path
from typing import Any

from documents import extract
from documents.chunk import chunk
from documents.cut import Cut
from documents.media_types import is_markdown
from documents.models import Document, Page
from documents.pictures import picture_path
from realtime.work import Failure, SilentReport

AT_ONCE = 2  # a picture takes a core
MOST_PAGES = 50
PREVIEWED = 30_000  # characters that are cut for a preview
_turns = threading.BoundedSemaphore(AT_ONCE)


def draw(document_id: str, page: int, width: int, start: int, end: int) -> dict[str, Any]:
    """Keeps the picture if `width` is not 0; the boxes of a passage, or the `error` in words."""
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        return {"error": "The document was deleted."}
    try:
        with _turns:
            path = Path(document.file.path)
            drawn = extract.draw(path, page, width, start, end, SilentReport())
    except (Failure, FileNotFoundError) as why:
        return {"error": str(why) if isinstance(why, Failure) else "The stored file is gone."}
    if width:
        _keep(picture_path(document.pk, page, width), drawn.picture)
    return {"boxes": drawn.boxes}


def _keep(path: Path, picture: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{uuid.uuid4().hex[:8]}")
    fresh.write_bytes(picture)
    fresh.replace(path)


def preview_cut(document_id: str, tokens: int, overlap: int, page: int) -> dict[str, Any]:
    """The chunks of the text from a page on, as `start` and `end` in the document, and `text`."""
    document = Document.objects.filter(pk=document_id).first()
    pages = Page.objects.filter(document__id=uuid.UUID(document_id), number__gte=page)
    rows = list(pages.values_list("start", "text")[:MOST_PAGES])
    if document is None or not rows:
        return {"error": "There is no text of it yet."}
    first, text = rows[0][0], "\n".join(row[1] for row in rows)[:PREVIEWED]
    spans = chunk(text, is_markdown(document.media_type), cut=Cut(tokens, overlap))
    chunks = [
        {"start": first + start, "end": first + end, "text": text[start:end]}
        for start, end in spans
    ]
    is_all = len(text) < PREVIEWED and len(rows) < MOST_PAGES
    return {"chunks": chunks, "is_all": is_all}
