"""The search page: passages without an answer, by the same code as answers."""

import uuid
from typing import Any, cast, get_args

from django.http import HttpRequest
from django.views.decorators.http import require_safe

from documents.access import visible
from documents.models import Collection
from rag.ask import NotAsked, checked
from rag.highlight import pieces
from rag.parts import Parts, Source
from rag.search import NoReply, Options, search
from realtime.pages import Context, live_page, owner

TOP_K = 10
MOST_DOCUMENTS = 200  # to choose from
SOURCES = (("mine", "My documents"), ("shared", "Shared with me"), ("all", "Both"))
SWITCHES = (
    ("dense", "By meaning"),
    ("lexical", "By words"),
    ("join", "Join neighbours"),
    ("distinct", "Leave out near-duplicates"),
)


@require_safe
@live_page("rag/search.html")
def search_page(request: HttpRequest) -> Context:
    """`?q=`, filtered by `source`, `document` and `collection`; `without`: parts switched off."""
    question = request.GET.get("q", "")
    source = request.GET.get("source", "mine")
    source = source if source in get_args(Source) else "mine"
    without = set(request.GET.getlist("without")) & set(Parts.__dataclass_fields__)
    document, collection = _id(request, "document"), _id(request, "collection")
    documents = visible(owner(request)).order_by("name")[:MOST_DOCUMENTS]
    context: Context = {
        "q": question,
        "source": source,
        "sources": SOURCES,
        "document": document,
        "documents": documents,
        "collection": collection,
        "collections": Collection.objects.filter(owner=owner(request)),
        "switches": [(name, words, name in without) for name, words in SWITCHES],
    }
    if "q" not in request.GET:
        return context
    options: Options = {"source": cast("Source", source), "parts": dict.fromkeys(without, False)}
    options["documents"] = [str(document)] if document else []
    options["collections"] = [str(collection)] if collection else []
    try:
        found = search(owner(request).pk, checked(question), TOP_K, options)
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
