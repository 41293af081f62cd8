"""The whole of a document's work, with real parsers and PostgreSQL; indexing is the index's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from documents.intake import remove, take_in
from documents.models import Chunk, Document
from documents.process import process
from documents.signals import chunked
from realtime.work import Failure, SilentReport
from tests.documents.samples import pdf

pytestmark = pytest.mark.usefixtures("folder")


class Heard(SilentReport):
    """Remembers what was reported."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, int]] = []

    def __call__(self, stage: str, progress: int, message: str = "") -> None:
        super().__call__(stage, progress, message)
        self.said.append((stage, progress))


@pytest.fixture
def without_index() -> Iterator[list[Document]]:
    """Nobody but this list hears of chunked documents."""
    heard: list[Document] = []

    def receive(document: Document, **_: Any) -> None:
        heard.append(document)

    receivers, chunked.receivers = chunked.receivers, []
    chunked.connect(receive)
    yield heard
    chunked.receivers = receivers


def upload(owner: User, content: bytes, name: str) -> Document:
    return take_in(owner, ContentFile(content), name).document


def test_a_pdf_becomes_pages_and_chunks_with_exact_places(
    ann: User, without_index: list[Document]
) -> None:
    pages = [f"Page {n}. " + "A sentence that fills the page with words. " * 40 for n in (1, 2, 3)]
    document = upload(ann, pdf(*pages), "a.pdf")
    report = Heard()
    message = process(document.pk, report)
    document.refresh_from_db()
    assert message == f"{document.chunk_count} chunks from 3 pages"
    assert (document.page_count, document.media_type) == (3, "application/pdf")
    text = "\n".join(document.pages.values_list("text", flat=True))
    for chunk in document.chunks.all():
        assert text[chunk.start : chunk.end] == chunk.text
        first = document.pages.get(number=chunk.page)
        assert first.start <= chunk.start < first.start + len(first.text)
        last = document.pages.get(number=chunk.page_to)
        assert last.start < chunk.end <= last.start + len(last.text)
    assert without_index == [document]
    assert report.said[0] == ("EXTRACTING", 0)
    percents = [percent for _, percent in report.said]
    assert percents == sorted(percents)
    assert percents[-1] <= 25


def test_doing_it_again_doubles_nothing(ann: User, without_index: list[Document]) -> None:
    document = upload(ann, b"Some words. " * 500, "a.txt")
    process(document.pk, SilentReport())
    first = list(document.chunks.values_list("pk", flat=True))
    process(document.pk, SilentReport())
    assert list(document.chunks.values_list("pk", flat=True)) == first
    assert document.pages.count() == 1


def test_chunks_of_an_earlier_attempt_are_replaced_when_they_differ(
    ann: User, without_index: list[Document]
) -> None:
    document = upload(ann, b"Some words.", "a.txt")
    Chunk.objects.create(document=document, index=0, page=1, page_to=1, start=0, end=3, text="Old")
    assert process(document.pk, SilentReport()) == "1 chunk from 1 page"
    assert [chunk.text for chunk in document.chunks.all()] == ["Some words."]


def test_a_document_that_was_deleted_fails_in_plain_words(ann: User) -> None:
    document = upload(ann, b"Some words.", "a.txt")
    remove(document)
    with pytest.raises(Failure, match="was deleted"):
        process(document.pk, SilentReport())


def test_a_file_that_is_gone_fails_in_plain_words(ann: User) -> None:
    document = upload(ann, b"Some words.", "a.txt")
    Path(document.file.path).unlink()
    with pytest.raises(Failure, match="Upload it again"):
        process(document.pk, SilentReport())
