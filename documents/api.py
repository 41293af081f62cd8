"""Documents over HTTP: list, look inside, cancel, retry, delete."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from ninja import Router

from documents import intake
from documents.access import OWNER, require, visible
from documents.find import matching
from documents.models import Chunk, Document, Page, Role
from realtime import jobs
from realtime.idempotency import idempotent
from realtime.paging import LIMIT, page
from realtime.problems import CamelSchema, Problem

router = Router(tags=["documents"])
_PIECE = 256 * 1024


class DocumentState(CamelSchema):
    """`timings` is in milliseconds by stage, `size` in bytes, `progress` in percent; `notes` say
    what of it could not be read, or was guessed.

    `owner` is the name of whose document it is; `role` is mine in it: owner, editor or viewer.
    """

    document_id: uuid.UUID
    name: str
    owner: str
    role: str
    media_type: str
    size: int
    status: str
    stage: str
    progress: int
    message: str
    pages: int
    chunks: int
    error: str
    timings: dict[str, int]
    notes: list[str]
    needs_password: bool
    chunk_tokens: int
    chunk_overlap: int
    created_at: datetime
    collection_id: uuid.UUID | None


class DocumentPage(CamelSchema):
    documents: list[DocumentState]
    next: str | None


class ChunkState(CamelSchema):
    """`start` and `end` are characters of the whole document, `text` is exactly those."""

    index: int
    page: int
    page_to: int
    start: int
    end: int
    text: str


class ChunkPage(CamelSchema):
    chunks: list[ChunkState]
    next: int | None


class PageState(CamelSchema):
    """`start` is the place of the page's first character in the whole document; `title` names it
    where a number says little."""

    number: int
    title: str
    start: int
    text: str


def state(document: Document) -> dict[str, Any]:
    job = document.job
    return {
        "document_id": document.pk,
        "name": document.name,
        "owner": document.owner.get_username(),
        "role": document.role,
        "media_type": document.media_type,
        "size": document.size,
        "status": document.status,
        "stage": job.stage,
        "progress": job.progress,
        "message": job.message,
        "pages": document.page_count,
        "chunks": document.chunk_count,
        "error": job.error,
        "timings": document.timings | job.timings,
        "notes": document.notes,
        "needs_password": document.needs_password,
        "chunk_tokens": document.chunk_tokens,
        "chunk_overlap": document.chunk_overlap,
        "created_at": document.created_at,
        "collection_id": document.collection_id,
    }


def user_of(request: HttpRequest) -> User:
    user: User = request.auth  # type: ignore[attr-defined]
    return user


def found(request: HttpRequest, document_id: uuid.UUID, needed: str = Role.VIEWER) -> Document:
    """The document, for somebody who has the role in it: 403 with a lesser one, 404 with none."""
    document = get_object_or_404(visible(user_of(request)), pk=document_id)
    require(document, needed)
    return document


@router.get("", response=DocumentPage, by_alias=True)
def index(
    request: HttpRequest,
    q: str = "",
    status: str = "",
    collection: str = "",
    cursor: str = "",
    limit: int = LIMIT,
) -> dict[str, Any]:
    """My documents and those shared with me, the newest first; with `q` those whose name holds it,
    with `status` what is `working`, `ready`, `failed` or `cancelled`, with `collection` what is in
    it, or in `none`. `next` is the `cursor` of the following page."""
    found = matching(user_of(request), q, status, collection)
    rows, following = page(found, cursor, limit)
    return {"documents": [state(document) for document in rows], "next": following}


@router.get("/{uuid:document_id}", response=DocumentState, by_alias=True)
def show(request: HttpRequest, document_id: uuid.UUID) -> dict[str, Any]:
    return state(found(request, document_id))


@router.get("/{uuid:document_id}/chunks", response=ChunkPage, by_alias=True)
def chunks(
    request: HttpRequest, document_id: uuid.UUID, cursor: int = 0, limit: int = LIMIT
) -> dict[str, Any]:
    """The chunks in order, from the index `cursor` on."""
    limit = max(1, min(limit, 200))
    rows: list[Chunk] = list(
        found(request, document_id).chunks.filter(index__gte=cursor)[: limit + 1]
    )
    return {"chunks": rows[:limit], "next": rows[limit].index if len(rows) > limit else None}


@router.get("/{uuid:document_id}/pages/{int:number}", response=PageState, by_alias=True)
def page_text(request: HttpRequest, document_id: uuid.UUID, number: int) -> Page:
    return get_object_or_404(found(request, document_id).pages, number=number)


@router.get("/{uuid:document_id}/file")
def stored_file(request: HttpRequest, document_id: uuid.UUID) -> StreamingHttpResponse:
    """The upload as it came. Never shown as a page of ours: it is somebody's content."""
    document = found(request, document_id)
    try:
        file = document.file.open("rb")
    except FileNotFoundError:
        raise Problem(410, "The stored file is gone", "Upload it again.") from None
    response = StreamingHttpResponse(
        _pieces(file), content_type=document.media_type or "application/octet-stream"
    )
    response["Content-Length"] = document.size
    response["Content-Disposition"] = content_disposition_header(True, document.name) or ""
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Asynchronous, because under ASGI Django reads any other iterator into memory first."""
    read = sync_to_async(file.read, thread_sensitive=False)
    try:
        while piece := await read(_PIECE):
            yield piece
    finally:
        file.close()


@router.post("/{uuid:document_id}/cancel", response={202: DocumentState}, by_alias=True)
def cancel(request: HttpRequest, document_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    document = found(request, document_id, Role.EDITOR)
    if not jobs.cancel(document.job):
        raise Problem(409, "Nothing to cancel", "The document is not being processed.")
    document.job.refresh_from_db()
    return 202, state(document)


@router.post("/{uuid:document_id}/retry", response={202: DocumentState}, by_alias=True)
@idempotent
def retry(request: HttpRequest, document_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    document = found(request, document_id, Role.EDITOR)
    if not jobs.retry(document.job):
        raise Problem(409, "Nothing to retry", "Only what failed or was cancelled is retried.")
    document.job.refresh_from_db()
    return 202, state(document)


@router.delete("/{uuid:document_id}", response={204: None})
def delete(request: HttpRequest, document_id: uuid.UUID) -> tuple[int, None]:
    intake.remove(found(request, document_id, OWNER))
    return 204, None
