"""The list of documents, its collections, and the parts that are rendered again when something
happens."""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from documents import batches
from documents.access import OWNER, collections, require, visible
from documents.cut import FEWEST_TOKENS, MOST_TOKENS
from documents.find import FILTERS, UNFILED, matching
from documents.models import BY_NAME, Batch, Collection, Document, Role
from documents.waiting import reasons
from realtime.pages import Context, live_page, owner, shown

STEP = 50


class Row(NamedTuple):
    """One line of the list, and why its document waits, if it does."""

    document: Document
    waits: str


class Asked(NamedTuple):
    """What of the list is asked for."""

    name: str
    status: str
    collection: str

    @classmethod
    def by(cls, request: HttpRequest) -> "Asked":
        get = request.GET.get
        return cls(get("q", "").strip()[:255], get("status", ""), get("collection", ""))


@require_safe
@live_page("documents/list.html")
def documents_page(request: HttpRequest) -> Context:
    return {
        **_list(request),
        **_collections(request),
        "batches": _batches(request),
        "max_bytes": settings.MAX_UPLOAD_MB * 1024 * 1024,
        "max_mb": settings.MAX_UPLOAD_MB,
        "roles": Role.choices,
        "fewest_tokens": FEWEST_TOKENS,
        "most_tokens": MOST_TOKENS,
    }


@require_safe
@live_page("documents/_list.html")
def documents_part(request: HttpRequest) -> Context:
    return _list(request)


@require_safe
@live_page("documents/_collections.html")
def collections_part(request: HttpRequest) -> Context:
    return _collections(request)


@require_safe
@live_page("documents/_batches.html")
def batches_part(request: HttpRequest) -> Context:
    """The batches that are open, or those named by `?id=`."""
    return {"batches": _batches(request)}


@require_safe
@live_page("documents/_rows.html")
def rows_part(request: HttpRequest) -> Context:
    """The rows named by `?id=`; what is gone, or somebody else's, is left out."""
    return {"rows": rows_of(visible(owner(request)).filter(pk__in=_ids(request)))}


@require_safe
@live_page("documents/_shares.html")
def collection_shares_part(request: HttpRequest, collection_id: uuid.UUID) -> Context:
    """With whom a collection is shared, for its owner."""
    collection = get_object_or_404(collections(owner(request)), pk=collection_id)
    require(collection, OWNER)
    return _shares(collection)


def rows_of(documents: Iterable[Document]) -> list[Row]:
    documents = list(documents)
    why = reasons([document.job for document in documents])
    return [Row(document, why.get(document.job_id, "")) for document in documents]


def _list(request: HttpRequest) -> Context:
    asked, show = Asked.by(request), shown(request, STEP)
    found = matching(owner(request), *asked)
    count, is_narrowed = found.count(), bool(asked.name or asked.status)
    everything = matching(owner(request), collection=asked.collection)
    more = request.GET.copy()
    more["show"] = str(show + STEP)
    return {
        "rows": rows_of(found[:show]),
        "count": count,
        "more": more.urlencode() if count > show else "",
        "total": everything.count() if is_narrowed else count,
        "asked": asked,
        "is_narrowed": is_narrowed,
        "filters": [(value, words) for value, (words, _) in FILTERS.items()],
    }


def _collections(request: HttpRequest) -> Context:
    user, chosen = owner(request), request.GET.get("collection", "")
    found = list(collections(user).annotate(count=Count("documents")).order_by(*BY_NAME))
    here = next((one for one in found if str(one.pk) == chosen), None)
    context: Context = {
        "collections": found,
        "mine": [one for one in found if one.role == OWNER],
        "here": here,
        "is_unfiled": chosen == UNFILED,
        "unfiled": Document.objects.filter(owner=user, collection=None).count() if found else 0,
    }
    return context | (_shares(here) if here and here.role == OWNER else {})


def _shares(collection: Collection) -> Context:
    people = list(collection.shares.select_related("user"))
    url = f"/api/collections/{collection.pk}/shares"
    return {"shares": people, "roles": Role.choices, "shares_url": url}


def _batches(request: HttpRequest) -> list[tuple[Batch, batches.Counts]]:
    mine: QuerySet[Batch] = Batch.objects.filter(owner=owner(request))
    ids = _ids(request)
    found = mine.filter(pk__in=ids) if ids else mine.filter(ended_at=None)
    return [(batch, batches.count(batch)) for batch in found.order_by("created_at")[:20]]


def _ids(request: HttpRequest) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(text) for text in request.GET.getlist("id")[:100]]
    except ValueError:
        return []
