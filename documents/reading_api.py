"""How a document is read, over HTTP: its password, cut otherwise, its pages as pictures."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field, SecretStr

from documents import passwords, pictures
from documents.api import DocumentState, found, state
from documents.cut import Cut, WrongCut
from documents.models import Document, Role
from documents.reprocess import reprocess, unlock
from realtime.idempotency import idempotent
from realtime.problems import CamelSchema, Problem

router = Router(tags=["documents"])


class Password(CamelSchema):
    """It is kept, sealed, until the file was read, and an hour at most."""

    password: SecretStr = Field(min_length=1, max_length=passwords.LONGEST)


class Reprocessing(CamelSchema):
    """What is left out stays as it is. `reread`: read the file again, too."""

    chunk_tokens: int | None = None
    chunk_overlap: int | None = None
    reread: bool = False


class PreviewChunk(CamelSchema):
    """`start` and `end` are characters of the whole document."""

    start: int
    end: int
    text: str


class Preview(CamelSchema):
    """`isAll`: the text ends with the last of these chunks."""

    chunks: list[PreviewChunk]
    is_all: bool


class Boxes(CamelSchema):
    """Left, top, right and bottom of each line of a passage, in parts of the page's size."""

    boxes: list[tuple[float, float, float, float]]


@router.post("/{uuid:document_id}/password", response={202: DocumentState}, by_alias=True)
def password(
    request: HttpRequest, document_id: uuid.UUID, given: Password
) -> tuple[int, dict[str, Any]]:
    """Read a protected document with its password, which is not stored."""
    document = found(request, document_id, Role.EDITOR)
    if not unlock(document, given.password.get_secret_value()):
        raise Problem(409, "No password is needed", "The document does not ask for one.")
    return 202, _again(request, document_id)


@router.post("/{uuid:document_id}/reprocess", response={202: DocumentState}, by_alias=True)
@idempotent
def process_again(
    request: HttpRequest, document_id: uuid.UUID, asked: Reprocessing
) -> tuple[int, dict[str, Any]]:
    """Cut the document's text again, and index it, without a new upload."""
    document = found(request, document_id, Role.EDITOR)
    cut = _cut(document, asked.chunk_tokens, asked.chunk_overlap)
    if not reprocess(document, cut, reread=asked.reread):
        raise Problem(409, "It is being processed", "Wait for its end, or cancel it.")
    return 202, _again(request, document_id)


@router.get("/{uuid:document_id}/preview", response=Preview, by_alias=True)
def preview(
    request: HttpRequest,
    document_id: uuid.UUID,
    chunkTokens: int | None = None,
    chunkOverlap: int | None = None,
    page: int = 1,
) -> dict[str, Any]:
    """How the text from a page on would be cut. Nothing is stored."""
    document = found(request, document_id)
    cut = _cut(document, chunkTokens, chunkOverlap)
    try:
        return pictures.preview(document, cut, page)
    except pictures.NoPicture as why:
        raise Problem(503, "There is no preview", str(why)) from None


@router.get("/{uuid:document_id}/pages/{int:number}/picture")
def picture(
    request: HttpRequest, document_id: uuid.UUID, number: int, width: int = pictures.WIDTHS[0]
) -> HttpResponse:
    """A page of a PDF as a WebP picture, 800 or 1600 pixels wide."""
    document = _with_page(request, document_id, number)
    wide = next((each for each in pictures.WIDTHS if each >= width), pictures.WIDTHS[-1])
    try:
        content = pictures.picture(document, number, wide)
    except pictures.NoPicture as why:
        raise Problem(503, "The page cannot be shown", str(why)) from None
    response = HttpResponse(content, content_type="image/webp")
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=3600"
    return response


@router.get("/{uuid:document_id}/pages/{int:number}/boxes", response=Boxes, by_alias=True)
def boxes(
    request: HttpRequest, document_id: uuid.UUID, number: int, start: int, end: int
) -> dict[str, Any]:
    """Where characters `start` to `end` of the page's text stand on its picture."""
    document = _with_page(request, document_id, number)
    try:
        return {"boxes": pictures.boxes(document, number, start, end)}
    except pictures.NoPicture as why:
        raise Problem(503, "The passage cannot be marked", str(why)) from None


def _with_page(request: HttpRequest, document_id: uuid.UUID, number: int) -> Document:
    document = found(request, document_id)
    if not 0 < number <= document.page_count:
        raise Problem(404, "There is no such page")
    return document


def _again(request: HttpRequest, document_id: uuid.UUID) -> dict[str, Any]:
    return state(found(request, document_id))


def _cut(document: Document, tokens: int | None, overlap: int | None) -> Cut:
    wanted = document.chunk_tokens if tokens is None else tokens
    try:
        return Cut(wanted, document.chunk_overlap if overlap is None else overlap)
    except WrongCut as wrong:
        field = "chunkTokens" if wrong.field == "tokens" else "chunkOverlap"
        raise Problem(422, "It cannot be cut so", str(wrong), {field: [str(wrong)]}) from None
