"""The Ask pages, and the parts of them that are rendered again when something happens."""

import uuid

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from rag import choices
from rag.ask import NotAsked, ask_again
from rag.markdown import cited, render_answer, render_quotes
from rag.models import Query
from rag.readers import NotShown, readable, show_to
from rag.sources import sources_of
from realtime.models import ACTIVE
from realtime.pages import Context, live_page, owner, shown

STEP = 20
EXTRACTIVE = "extractive"


@require_safe
@live_page("rag/ask.html")
def ask_page(request: HttpRequest) -> Context:
    """The composer; `?document=` narrows the question to some documents, `?collection=` to those in
    it."""
    return {**_past(request), **choices.for_question(request)}


@require_safe
@live_page("rag/_past.html")
def past_part(request: HttpRequest) -> Context:
    return _past(request)


@live_page("rag/query.html")
def query_page(request: HttpRequest, query_id: uuid.UUID, problem: str = "") -> Context:
    found = _query(request, query_id)
    asked = found["query"] if found["is_mine"] else None
    return {
        **found,
        **_past(request),
        **choices.for_question(request, asked),
        "problem": problem,
    }


@require_safe
@live_page("rag/_query.html")
def query_part(request: HttpRequest, query_id: uuid.UUID) -> Context:
    return _query(request, query_id)


@require_POST
def again(request: HttpRequest, query_id: uuid.UUID) -> HttpResponse:
    """The same question as a query of its own."""
    if not request.user.is_authenticated:
        return redirect("sign-in")
    query = get_object_or_404(_mine(request), pk=query_id)
    try:
        return redirect("rag:query", query_id=ask_again(query).pk)
    except NotAsked as error:
        return query_page(request, query_id, problem=str(error))


@require_POST
def share(request: HttpRequest, query_id: uuid.UUID) -> HttpResponse:
    """Show the query to a person, or, with `take_back`, no longer."""
    if not request.user.is_authenticated:
        return redirect("sign-in")
    query = get_object_or_404(_mine(request), pk=query_id)
    if username := request.POST.get("take_back"):
        query.readers.remove(*query.readers.filter(username=username))
        return redirect("rag:query", query_id=query.pk)
    try:
        show_to(query, request.POST.get("username", ""))
    except NotShown as error:
        return query_page(request, query_id, problem=str(error))
    return redirect("rag:query", query_id=query.pk)


@require_safe
@live_page("rag/compare.html")
def compare_page(request: HttpRequest) -> Context:
    """Two queries side by side: `?a=` and `?b=`."""
    return {"both": [_query(request, _id(request.GET.get(name, ""))) for name in ("a", "b")]}


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Http404 from None


def _mine(request: HttpRequest) -> QuerySet[Query]:
    return Query.objects.filter(owner=owner(request)).select_related("job")


def _past(request: HttpRequest) -> Context:
    show = shown(request, STEP)
    past = list(_mine(request)[: show + 1])
    return {"past": past[:show], "past_more": show + STEP if len(past) > show else 0}


def _query(request: HttpRequest, query_id: uuid.UUID) -> Context:
    query = get_object_or_404(readable(owner(request)), pk=query_id)
    passages = list(query.passages.select_related("document"))
    finished = query.job.status not in ACTIVE
    extractive = query.answered_by == EXTRACTIVE
    render = render_quotes if extractive else render_answer
    sources = sources_of(passages)
    is_mine = query.owner_id == request.user.pk
    places = query.trace.get("places", [])
    return {
        "query": query,
        "is_mine": is_mine,
        "readers": list(query.readers.order_by("username")) if is_mine else [],
        "others": _mine(request).exclude(pk=query.pk)[:STEP] if finished else [],
        "asked": list(query.documents.all()),
        "asked_in": list(query.collections.all()),
        "passages": [(passage, sources[passage.rank]) for passage in passages],
        "places": list(zip(passages, places, strict=False)),
        "extractive": extractive,
        "cited": cited(query.answer, sources),
        "finished": finished,
        "answer": render(query.answer, sources) if finished else None,
    }
