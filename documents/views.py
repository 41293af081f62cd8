"""The page of one document, and the parts of it that are rendered again when something happens."""

import uuid
from typing import NamedTuple

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from documents.access import OWNER, require, visible
from documents.cut import FEWEST_TOKENS, MOST_TOKENS
from documents.library import rows_of
from documents.media_types import PDF
from documents.models import Document, Page, Role
from realtime.pages import Context, live_page, owner, shown

STEP = 50
MOST_SHEETS = 5


class Sheet(NamedTuple):
    """A page, and the part of its text that is marked; without any, it ends where it starts."""

    page: Page
    start: int = 0
    end: int = 0

    @property
    def before(self) -> str:
        return self.page.text[: self.start]

    @property
    def passage(self) -> str:
        return self.page.text[self.start : self.end]

    @property
    def after(self) -> str:
        return self.page.text[self.end :]


@require_safe
@live_page("documents/_shares.html")
def shares_part(request: HttpRequest, document_id: uuid.UUID) -> Context:
    """With whom it is shared, for its owner."""
    document = get_object_or_404(visible(owner(request)), pk=document_id)
    require(document, OWNER)
    return {"document": document, **_shares(document)}


@require_safe
@live_page("documents/document.html")
def document_page(request: HttpRequest, document_id: uuid.UUID) -> Context:
    return _document(request, document_id)


@require_safe
@live_page("documents/_document.html")
def document_part(request: HttpRequest, document_id: uuid.UUID) -> Context:
    return _document(request, document_id)


def _document(request: HttpRequest, document_id: uuid.UUID) -> Context:
    document = get_object_or_404(visible(owner(request)), pk=document_id)
    context: Context = {
        "document": document,
        "row": rows_of([document])[0],
        "view": _view(request, document),
        "stages": sorted(
            (document.timings | document.job.timings).items(),
            key=lambda stage: _STAGES.get(stage[0], 9),
        ),
        "is_pdf": document.media_type == PDF,
        "fewest_tokens": FEWEST_TOKENS,
        "most_tokens": MOST_TOKENS,
    }
    if document.role == OWNER:
        context |= _shares(document)
    if context["view"] == "chunks":
        show = shown(request, STEP)
        chunks = document.chunks.all()[:show]
        starts = dict(document.pages.values_list("number", "start"))
        context["chunks"] = [
            (chunk, chunk.start - starts.get(chunk.page, 0), chunk.end - starts.get(chunk.page, 0))
            for chunk in chunks
        ]
        context["next_show"] = show + STEP if document.chunk_count > show else 0
    else:
        number = _number(request, "page") or 1
        page = document.pages.filter(number__gte=number).first() or document.pages.last()
        context["page"] = page
        context["sheets"] = _sheets(request, page) if page else []
    return context


def _view(request: HttpRequest, document: Document) -> str:
    """`pages`, of a PDF, are pictures over their text."""
    views = ("pages", "text", "chunks") if document.media_type == PDF else ("text", "chunks")
    asked = request.GET.get("view", "")
    return asked if asked in views else views[0]


def _shares(document: Document) -> Context:
    people = list(document.shares.select_related("user"))
    url = f"/api/documents/{document.pk}/shares"
    inside = document.collection.shares.count() if document.collection else 0
    return {"shares": people, "roles": Role.choices, "shares_url": url, "shared_inside": inside}


_STAGES = {
    stage: place for place, stage in enumerate(("EXTRACTING", "CHUNKING", "EMBEDDING", "INDEXING"))
}


def _sheets(request: HttpRequest, page: Page) -> list[Sheet]:
    """The page, with the passage from `?start=` to `?end=` marked.

    Both count from the page's first character, so that a passage which runs on to the next pages
    ends beyond this one; those pages follow.
    """
    start, end = _number(request, "start"), _number(request, "end")
    if start is None or end is None or not start < end or start >= len(page.text):
        return [Sheet(page)]
    sheets: list[Sheet] = []
    for following in page.document.pages.filter(number__gte=page.number)[:MOST_SHEETS]:
        length = len(following.text)
        sheets.append(Sheet(following, start, min(end, length)))
        start, end = 0, end - length - 1  # a line break stands between two pages
        if end <= 0:
            break
    return sheets


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else None
