"""What sockets are told of a question: its stages, its answer as it grows, and how it ended."""

from collections.abc import Iterator
from typing import Any, Literal, cast

import msgspec
from django.contrib.auth.models import User
from msgspec import UNSET, UnsetType

from rag.models import Passage, Query
from realtime.events import Event, JobState, MessageChunk
from realtime.models import Job, Status

MOST_BYTES = 12 * 1024  # of a whole event, which may be 16 KiB with its envelope
MOST_NAME = 60  # characters of a document's name in an event that is too long with all of it
STARTED = "Processing query"

Stage = Literal[
    "QUEUED",
    "STARTED",
    "EMBEDDING",
    "RETRIEVAL",
    "GENERATION",
    "COMPLETE",
    "FAILED",
    "CANCELLED",
]
_STAGES: dict[Status, Stage] = {
    Status.QUEUED: "QUEUED",
    Status.DONE: "COMPLETE",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "CANCELLED",
}


class Source(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a passage stands; `start` and `end` are characters of its page."""

    rank: int
    document_id: str | None
    document_name: str
    page: int
    start: int
    end: int
    score: float


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The answer and its passages.

    Where they make the event too long, the answer is left out and names are cut.
    """

    passages: list[Source]
    answer: str | UnsetType = UNSET


class RagProgress(Event, frozen=True, kw_only=True, tag="rag_progress"):
    """A question moved on. `progress` is in percent; `result` comes with COMPLETE."""

    query_id: str
    stage: Stage
    message: str
    progress: int
    result: Result | UnsetType = UNSET


class ReindexProgress(Event, frozen=True, kw_only=True, tag="reindex_progress"):
    """A new index moved on. `progress` is in percent; `stage` is empty before the first."""

    reindex_id: str
    status: JobState
    stage: Literal["", "EMBEDDING", "INDEXING", "SWITCHING"]
    progress: int
    message: str


def reindex_progress(job: Job) -> ReindexProgress:
    """How the reindexing stands now."""
    return ReindexProgress(
        reindex_id=str(job.subject),
        status=cast("JobState", job.status),
        stage=cast("Any", job.stage),
        progress=job.progress,
        message=job.error[:500] or job.message,
    )


def rag_progress(job: Job, *, with_result: bool = True) -> RagProgress:
    """How the question that the job works on stands now."""
    status = Status(job.status)
    stage = _STAGES.get(status) or cast("Stage", job.stage) or "STARTED"
    event = RagProgress(
        query_id=str(job.subject),
        stage=stage,
        message=job.error[:500] or job.message or (STARTED if stage == "STARTED" else ""),
        progress=0 if status == Status.QUEUED else job.progress,
    )
    if status != Status.DONE or not with_result:
        return event
    result = _result(job)
    full = msgspec.structs.replace(event, result=result)
    if len(msgspec.json.encode(full)) <= MOST_BYTES:
        return full
    return msgspec.structs.replace(event, result=_shortened(result))


def answer_chunk(job: Job, content: str, offset: int, *, is_complete: bool = False) -> MessageChunk:
    """A piece of the answer that the job writes; its message has the id of the question."""
    return MessageChunk(
        message_id=str(job.subject),
        session_id="",
        query_id=str(job.subject),
        content=content,
        content_offset=offset,
        is_complete=is_complete,
        attempt=job.attempt,
    )


def answers_being_written(owner: User) -> Iterator[MessageChunk]:
    """Each of the owner's answers that grows now, as far as it is written.

    Before GENERATION the row may still hold what an earlier attempt wrote.
    """
    growing = Query.objects.filter(
        owner=owner, job__status=Status.RUNNING, job__stage="GENERATION"
    ).exclude(answer="")
    for query in growing.select_related("job").order_by("created_at"):
        yield answer_chunk(query.job, query.answer, 0)


def _result(job: Job) -> Result:
    query = Query.objects.filter(pk=job.subject).first()
    passages = query.passages.all() if query else Passage.objects.none()
    answer = query.answer if query else UNSET
    return Result(passages=[_source(passage) for passage in passages], answer=answer)


def _shortened(result: Result) -> Result:
    passages = [
        msgspec.structs.replace(source, document_name=source.document_name[:MOST_NAME])
        for source in result.passages
    ]
    return Result(passages=passages)


def _source(passage: Passage) -> Source:
    return Source(
        rank=passage.rank,
        document_id=str(passage.document_id) if passage.document_id else None,
        document_name=passage.document_name,
        page=passage.page,
        start=passage.start,
        end=passage.end,
        score=passage.score,
    )
