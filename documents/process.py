"""The work on a document: EXTRACTING, CHUNKING, then EMBEDDING and INDEXING by whoever indexes.

What a stage finds is stored with the stage's name in one transaction, so that another attempt goes
on after the last stage that ended.
"""

import time
import uuid
from bisect import bisect_right
from pathlib import Path

from documents import passwords
from documents.chunk import Span, chunk
from documents.extract import PasswordNeeded, extract
from documents.media_types import is_markdown
from documents.models import CHUNKING, EXTRACTING, Chunk, Document, Page
from documents.signals import chunked
from realtime.work import Failure, Report

_BATCH = 1000


def process(document_id: uuid.UUID, report: Report) -> str:
    """Read, cut and index a document; returns the closing message.

    Chunks that come out as they are stored keep their rows, and with them what is already indexed.
    """
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        raise Failure("The document was deleted.")
    if not document.stored_stage:
        _extract(document, report)
    if document.stored_stage == EXTRACTING:
        _cut(document, report)
    chunked.send(sender=Document, document=document, report=report)
    pages, notes = _count(document.page_count, "page"), len(document.notes)
    words = f"{_count(document.chunk_count, 'chunk')} from {pages}"
    return f"{words}; {_count(notes, 'note')} on how it was read" if notes else words


def page_starts(pages: list[str]) -> list[int]:
    """The offset of each page in the text that joins them by one line break."""
    starts, offset = [], 0
    for page in pages:
        starts.append(offset)
        offset += len(page) + 1
    return starts


def _extract(document: Document, report: Report) -> None:
    began = time.monotonic()
    password = passwords.recall(document)
    try:
        extracted = extract(Path(document.file.path), document.name, report, password)
    except FileNotFoundError:
        raise Failure("The stored file is gone. Upload it again.") from None
    except PasswordNeeded:
        with report.fence():
            Document.objects.filter(pk=document.pk).update(needs_password=True)
        raise
    finally:
        passwords.forget(document)
    document.media_type, document.notes = extracted.media_type, extracted.notes
    document.page_count, document.needs_password = len(extracted.pages), False
    pages = [
        Page(document=document, number=number, title=title, start=start, text=text)
        for number, (start, title, text) in enumerate(
            zip(page_starts(extracted.pages), extracted.titles, extracted.pages, strict=True), 1
        )
    ]
    with report.fence():
        document.pages.all().delete()
        Page.objects.bulk_create(pages, batch_size=_BATCH)
        _has_stored(
            document, EXTRACTING, began, "media_type", "notes", "page_count", "needs_password"
        )


def _cut(document: Document, report: Report) -> None:
    began = time.monotonic()
    report(CHUNKING, 20, "Finding where to cut")
    pages = list(document.pages.values_list("start", "text"))
    starts, text = [start for start, _ in pages], "\n".join(page for _, page in pages)

    def check(done: int) -> None:
        if done >= len(text):  # the next stage says so
            return report.check()
        words = f"Finding where to cut ({done:,} of {len(text):,} characters)"
        return report(CHUNKING, 20 + 5 * done // max(1, len(text)), words)

    spans = chunk(text, is_markdown(document.media_type), check, document.cut)
    chunks = _chunks(document, text, spans, starts)
    document.chunk_count = len(chunks)
    with report.fence():
        stored = _stored(document)
        if stored != [(c.page, c.page_to, c.start, c.end, c.text) for c in chunks]:
            if stored:
                document.chunks.all().delete()
            Chunk.objects.bulk_create(chunks, batch_size=_BATCH)
        _has_stored(document, CHUNKING, began, "chunk_count")


def _has_stored(document: Document, stage: str, began: float, *fields: str) -> None:
    """Inside the transaction that stores what the stage found."""
    document.stored_stage = stage
    document.timings = document.timings | {stage: round((time.monotonic() - began) * 1000)}
    document.save(update_fields=["stored_stage", "timings", *fields])


def _chunks(document: Document, text: str, spans: list[Span], starts: list[int]) -> list[Chunk]:
    return [
        Chunk(
            document=document,
            index=index,
            page=bisect_right(starts, start),
            page_to=bisect_right(starts, end - 1),
            start=start,
            end=end,
            text=text[start:end],
        )
        for index, (start, end) in enumerate(spans)
    ]


def _stored(document: Document) -> list[tuple[int, int, int, int, str]]:
    """What an earlier attempt, or another cut, has left."""
    return list(document.chunks.values_list("page", "page_to", "start", "end", "text"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
