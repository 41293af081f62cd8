"""The work on a document: EXTRACTING, CHUNKING, then EMBEDDING and INDEXING by whoever indexes."""

import uuid
from bisect import bisect_right
from pathlib import Path

from documents.chunk import Span, chunk
from documents.extract import DOCX, HTML, MARKDOWN, Extracted, extract
from documents.models import Chunk, Document, Page
from documents.signals import chunked
from realtime.work import Failure, Report

_BATCH = 1000


def process(document_id: uuid.UUID, report: Report) -> str:
    """Read, cut and index a document; returns the closing message.

    Doing it again replaces what an earlier attempt wrote, so nothing is doubled; chunks that come
    out the same keep their rows, and with them what is already indexed.
    """
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        raise Failure("The document was deleted.")
    try:
        extracted = extract(Path(document.file.path), document.name, report)
    except FileNotFoundError:
        raise Failure("The stored file is gone. Upload it again.") from None
    text = "\n".join(extracted.pages)
    spans = _spans(document, text, extracted.media_type, report)
    if not spans:
        raise Failure("The file holds no text.")
    _store(document, extracted, text, spans, report)
    chunked.send(sender=Document, document=document, report=report)
    return f"{_count(len(spans), 'chunk')} from {_count(len(extracted.pages), 'page')}"


def page_starts(pages: list[str]) -> list[int]:
    """The offset of each page in the text that joins them by one line break."""
    starts, offset = [], 0
    for page in pages:
        starts.append(offset)
        offset += len(page) + 1
    return starts


def _spans(document: Document, text: str, media_type: str, report: Report) -> list[Span]:
    report("CHUNKING", 20, "Finding where to cut")

    def check(done: int) -> None:
        report("CHUNKING", 20 + 5 * done // max(1, len(text)), "Finding where to cut")

    return chunk(text, media_type in (DOCX, HTML, MARKDOWN), check, document.cut)


def _store(
    document: Document, extracted: Extracted, text: str, spans: list[Span], report: Report
) -> None:
    starts = page_starts(extracted.pages)
    pages = [
        Page(document=document, number=number, start=start, text=page)
        for number, (start, page) in enumerate(zip(starts, extracted.pages, strict=True), 1)
    ]
    document.media_type = extracted.media_type
    document.page_count, document.chunk_count = len(pages), len(spans)
    with report.fence():
        document.pages.all().delete()
        Page.objects.bulk_create(pages, batch_size=_BATCH)
        chunks = _chunks(document, text, spans, starts)
        if not _same(document, chunks):
            document.chunks.all().delete()
            Chunk.objects.bulk_create(chunks, batch_size=_BATCH)
        document.save(update_fields=["media_type", "page_count", "chunk_count"])


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


def _same(document: Document, chunks: list[Chunk]) -> bool:
    """Did an earlier attempt store exactly these?"""
    stored = document.chunks.values_list("page", "page_to", "start", "end", "text")
    return list(stored) == [(c.page, c.page_to, c.start, c.end, c.text) for c in chunks]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
