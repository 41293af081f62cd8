"""What a question can be limited to, and which parts of the search it can leave out: for forms."""

import uuid
from collections.abc import Sequence
from typing import cast

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

from documents.access import lent_to, visible
from documents.models import Collection, Document
from rag.models import Query
from rag.parts import Parts, Source
from realtime.models import Status
from realtime.pages import Context, owner

MOST_DOCUMENTS = 200  # to choose from, beside those that are chosen
SOURCES: tuple[tuple[Source, str], ...] = (
    ("mine", "My documents"),
    ("shared", "Shared with me"),
    ("all", "Both"),
)
_SWITCHES = {
    "dense": "By meaning",
    "lexical": "By words",
    "rerank": "Reranked",
    "join": "Neighbours joined",
    "distinct": "Near-duplicates left out",
}


def switches(parts: Parts) -> list[tuple[str, str, bool]]:
    """Names of parts, in words, and whether they take part."""
    names = [name for name in _SWITCHES if name != "rerank" or settings.RERANK_BASE_URL]
    return [(name, _SWITCHES[name], getattr(parts, name)) for name in names]


def documents(user: User, chosen: Sequence[uuid.UUID] = ()) -> list[Document]:
    """Those that can be searched, the chosen first."""
    ready = visible(user).filter(job__status=Status.DONE).order_by("name")
    others = ready.exclude(pk__in=chosen)[:MOST_DOCUMENTS]
    return [*ready.filter(pk__in=chosen), *others]


def for_question(request: HttpRequest, query: Query | None = None) -> Context:
    """Of the composer, set as the address says, or as the query was."""
    if query:
        chosen = list(query.documents.values_list("pk", flat=True))
        places = list(query.collections.values_list("pk", flat=True))
    else:
        chosen, places = _ids(request, "document"), _ids(request, "collection")
    user = owner(request)
    collections = Collection.objects.filter(owner=user)
    found = documents(user, chosen)
    chosen = [document.pk for document in found if document.pk in chosen]
    places = [place.pk for place in collections if place.pk in places]
    return {
        "sources": SOURCES if next(iter(lent_to(user)), None) else (),
        "source": cast("Source", query.source) if query else "mine",
        "documents": found,
        "collections": collections,
        "chosen_documents": chosen,
        "chosen_collections": places,
        "chosen": len(chosen) + len(places),
        "switches": switches(Parts(**query.parts) if query else Parts()),
    }


def _ids(request: HttpRequest, name: str) -> list[uuid.UUID]:
    """Those of the address; none where one is no id."""
    try:
        return [uuid.UUID(text) for text in request.GET.getlist(name)[:50]]
    except ValueError:
        return []
