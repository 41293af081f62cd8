"""The search page: passages without an answer, by the same code as answers."""

import uuid
from typing import Any, cast, get_args

from django.http import HttpRequest
from django.views.decorators.http import require_safe

from documents.models import Collection
from rag.ask import NotAsked, checked
from rag.choices import SOURCES, documents, switches
from rag.highlight import pieces
from rag.parts import Parts, Source
from rag.search import NoReply, Options, search
from realtime.pages import Context, live_page, owner

TOP_K = 10


@require_safe
@live_page("rag/search.html")
def search_page(request: HttpRequest) -> Context:
    """`?q=`, filtered by `source`, `document` and `collection`; `without`: parts switched off."""
    question = request.GET.get("q", "")
    source = request.GET.get("source", "mine")
    source = source if source in get_args(Source) else "mine"
    without = set(request.GET.getlist("without")) & set(Parts.__dataclass_fields__)
    parts = Parts(**dict.fromkeys(without, False))
    document, collection = _id(request, "document"), _id(request, "collection")
    context: Context = {
        "q": question,
        "source": source,
        "sources": SOURCES,
        "document": document,
        "documents": documents(owner(request), [document] if document else []),
        "collection": collection,
        "collections": Collection.objects.filter(owner=owner(request)),
        "switches": switches(parts),
    }
    if "q" not in request.GET:
        return context
    options: Options = {"source": cast("Source", source), "parts": parts.left_out}
    options["documents"] = [str(document)] if document else []
    options["collections"] = [str(collection)] if collection else []
    try:
        found = search(owner(request).pk, checked(question, parts), TOP_K, options)
    except (NotAsked, NoReply) as error:
        return {**context, "problem": str(error)}
    shown = [_shown(question, passage) for passage in found["passages"]]
    return {**context, "found": shown, "trace": found["trace"]}


def _id(request: HttpRequest, name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.GET.get(name, ""))
    except ValueError:
        return None


def _shown(question: str, passage: dict[str, Any]) -> dict[str, Any]:
    end = passage["start"] + len(passage["text"])
    place = f"?page={passage['page']}&start={passage['start']}&end={end}#passage"
    url = f"/documents/{passage['document_id']}/{place}"
    return passage | {"url": url, "pieces": pieces(question, passage["text"])}
