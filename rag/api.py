"""Questions over HTTP: ask, follow, cancel, retry."""

import uuid
from datetime import datetime
from typing import Any, Literal

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query as Query_
from ninja import Router
from pydantic import Field

from documents.api import user_of
from rag.ask import MOST_TOP_K, TOP_K, NotAsked, ask, ask_again, checked
from rag.events import rag_progress
from rag.models import Query
from rag.parts import Parts
from rag.readers import NotShown, readable, show_to
from rag.search import Found, NoReply, Options, search
from realtime import jobs
from realtime.idempotency import idempotent
from realtime.paging import LIMIT, page
from realtime.problems import CamelSchema, Problem

router = Router(tags=["rag"])


class PartsBody(CamelSchema):
    """What takes part in the search; all does unless it is switched off."""

    dense: bool = True
    lexical: bool = True
    rerank: bool = True
    join: bool = True
    distinct: bool = True


class Question(CamelSchema):
    """`source` says whose documents, where no `documentIds` do."""

    question: str
    document_ids: list[uuid.UUID] = Field(default=[], max_length=100)
    collection_ids: list[uuid.UUID] = Field(default=[], max_length=100)
    source: Literal["mine", "shared", "all"] = "mine"
    parts: PartsBody = PartsBody()
    top_k: int = Field(default=TOP_K, ge=1, le=MOST_TOP_K)


class Asked(CamelSchema):
    query_id: uuid.UUID


class PassageState(CamelSchema):
    """`[rank]` in the answer refers to it; `start` and `end` are characters of its page."""

    rank: int
    document_id: uuid.UUID | None
    document_name: str
    page: int
    page_to: int
    start: int
    end: int
    text: str
    score: float


class QuerySummary(CamelSchema):
    """`stage` and `message` as in the events; `progress` is in percent."""

    query_id: uuid.UUID
    question: str
    stage: str
    progress: int
    message: str
    answer: str
    answered_by: str
    error: str
    created_at: datetime


class QueryState(QuerySummary):
    """`timings` is in milliseconds by stage; `trace` says what each part of the search contributed,
    and what of the answer may be wrong."""

    owner: str
    document_ids: list[uuid.UUID]
    collection_ids: list[uuid.UUID]
    source: str
    trace: dict[str, Any]
    passages: list[PassageState]
    timings: dict[str, int]


class Reader(CamelSchema):
    username: str


class Readers(CamelSchema):
    """The names of those who may look at a query of mine."""

    readers: list[str]


class FoundState(CamelSchema):
    passages: list[PassageState]
    trace: dict[str, Any]


class Wanted(CamelSchema):
    """`document`, `collection` and `without`, the parts that are switched off, may be repeated."""

    q: str
    top_k: int = Field(default=TOP_K, ge=1, le=MOST_TOP_K)
    source: Literal["mine", "shared", "all"] = "mine"
    document: list[uuid.UUID] = Field(default=[], max_length=100)
    collection: list[uuid.UUID] = Field(default=[], max_length=100)
    without: list[Literal["dense", "lexical", "rerank", "join", "distinct"]] = []


class QueryPage(CamelSchema):
    queries: list[QuerySummary]
    next: str | None


def summary(query: Query) -> dict[str, Any]:
    event = rag_progress(query.job, with_result=False)
    return {
        "query_id": query.pk,
        "question": query.question,
        "stage": event.stage,
        "progress": event.progress,
        "message": event.message,
        "answer": query.answer,
        "answered_by": query.answered_by,
        "error": query.job.error,
        "created_at": query.created_at,
    }


def state(query: Query) -> dict[str, Any]:
    return summary(query) | {
        "owner": query.owner.get_username(),
        "document_ids": list(query.documents.values_list("pk", flat=True)),
        "collection_ids": list(query.collections.values_list("pk", flat=True)),
        "source": query.source,
        "trace": query.trace,
        "passages": list(query.passages.values(*PassageState.model_fields)),
        "timings": query.job.timings,
    }


def mine(request: HttpRequest) -> QuerySet[Query]:
    return Query.objects.filter(owner=user_of(request)).select_related("job")


def found(request: HttpRequest, query_id: uuid.UUID) -> Query:
    return get_object_or_404(mine(request), pk=query_id)


@router.post("/queries", response={202: Asked}, by_alias=True)
@idempotent
def post_query(request: HttpRequest, body: Question) -> tuple[int, dict[str, Any]]:
    """Ask my documents, or those of `documentIds` and those in `collectionIds`. The answer comes by
    the socket."""
    try:
        query = ask(
            user_of(request),
            body.question,
            body.document_ids,
            body.top_k,
            collections=body.collection_ids,
            source=body.source,
            parts=Parts(**body.parts.dict()),
        )
    except NotAsked as error:
        words = str(error)
        raise Problem(422, "The question was not taken", words, {"question": [words]}) from None
    except ObjectDoesNotExist:
        raise Http404 from None
    return 202, {"query_id": query.pk}


@router.get("/queries", response=QueryPage, by_alias=True)
def index(request: HttpRequest, cursor: str = "", limit: int = LIMIT) -> dict[str, Any]:
    """My questions, the newest first. `next` is the `cursor` of the following page."""
    rows, following = page(mine(request), cursor, limit)
    return {"queries": [summary(query) for query in rows], "next": following}


@router.get("/queries/{uuid:query_id}", response=QueryState, by_alias=True)
def show(request: HttpRequest, query_id: uuid.UUID) -> dict[str, Any]:
    """The answer as far as it is written, and the passages it rests on; mine, or shown to me."""
    return state(get_object_or_404(readable(user_of(request)), pk=query_id))


@router.post("/queries/{uuid:query_id}/cancel", response={202: QueryState}, by_alias=True)
def cancel(request: HttpRequest, query_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    query = found(request, query_id)
    if not jobs.cancel(query.job):
        raise Problem(409, "Nothing to cancel", "The question is not being answered.")
    query.job.refresh_from_db()
    return 202, state(query)


@router.post("/queries/{uuid:query_id}/retry", response={202: QueryState}, by_alias=True)
@idempotent
def retry(request: HttpRequest, query_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    query = found(request, query_id)
    if not jobs.retry(query.job):
        raise Problem(409, "Nothing to retry", "Only what failed or was cancelled is retried.")
    query.job.refresh_from_db()
    return 202, state(query)


@router.post("/queries/{uuid:query_id}/again", response={202: Asked}, by_alias=True)
@idempotent
def again(request: HttpRequest, query_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    """Ask the same of the same documents, as a query of its own."""
    try:
        return 202, {"query_id": ask_again(found(request, query_id)).pk}
    except NotAsked as error:
        raise Problem(409, "It cannot be asked again", str(error)) from None


@router.post("/queries/{uuid:query_id}/readers", response=Readers, by_alias=True)
def add_reader(request: HttpRequest, query_id: uuid.UUID, body: Reader) -> dict[str, Any]:
    """Let a person look at the finished query, with its passages."""
    query = found(request, query_id)
    try:
        show_to(query, body.username)
    except NotShown as error:
        words = str(error)
        raise Problem(422, "It is not shared", words, {"username": [words]}) from None
    return _readers(query)


@router.delete("/queries/{uuid:query_id}/readers/{username}", response=Readers, by_alias=True)
def remove_reader(request: HttpRequest, query_id: uuid.UUID, username: str) -> dict[str, Any]:
    query = found(request, query_id)
    reader = get_object_or_404(query.readers, username=username)
    query.readers.remove(reader)
    return _readers(query)


def _readers(query: Query) -> dict[str, Any]:
    return {"readers": list(query.readers.order_by("username").values_list("username", flat=True))}


@router.get("/search", response=FoundState, by_alias=True)
def get_search(request: HttpRequest, wanted: Query_[Wanted]) -> Found:
    """Retrieval alone: the passages that an answer would rest on, the best first."""
    parts = Parts(**{name: name not in wanted.without for name in Parts.__dataclass_fields__})
    options: Options = {"source": wanted.source, "parts": parts.left_out}
    options["documents"] = [str(pk) for pk in wanted.document]
    options["collections"] = [str(pk) for pk in wanted.collection]
    try:
        return search(user_of(request).pk, checked(wanted.q, parts), wanted.top_k, options)
    except NotAsked as error:
        raise Problem(422, "The question was not taken", str(error), {"q": [str(error)]}) from None
    except NoReply as error:
        raise Problem(503, "No answer", str(error)) from None
