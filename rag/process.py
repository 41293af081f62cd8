"""The work on a question: EMBEDDING, RETRIEVAL, GENERATION, and the answer as it grows."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from typing import cast

from documents.models import Chunk, Document
from rag import models
from rag.answer import NOTHING_FOUND, Answerer, get_answerer
from rag.events import answer_chunk
from rag.in_use import current
from rag.limits import ALL, Limits
from rag.parts import Parts, Source
from rag.retrieve import Passage, find
from rag.scope import asked_documents, scope_of
from realtime.models import ACTIVE, Job, Status
from realtime.publish import publish
from realtime.work import Failure, Report

GONE = "The documents that you asked are not there any more."
NO_DOCUMENTS = "You have no documents yet. Upload one, then ask again."
NOTHING_THERE = "No document is in what you chose to ask. Choose another collection."
NOT_READY = "Your documents are still being processed. Ask again when one is ready."
NONE_READY = "None of your documents could be read. Look at what went wrong, or upload another."
_NONE = {
    "chosen": GONE,
    "shared": "Nobody has shared a document with you.",
    "all": "You have no documents yet, and nobody has shared one with you.",
}
COMPLETE = "Query processing complete"
FLUSH_SECONDS = 0.05
FLUSH_CHARACTERS = 512
MOST_CHARACTERS = 2000  # in one event, which holds 16 KiB; one sentence may be longer


def answer_query(query_id: uuid.UUID, report: Report) -> str:
    """Answer a question from its owner's documents; returns the closing message.

    Doing it again begins with an empty answer and replaces the passages.
    """
    query = models.Query.objects.filter(pk=query_id).first()
    if query is None:
        raise Failure("The question was deleted.")
    writer = AnswerWriter(query, report)
    writer.begin()
    words = why_nothing(query.owner_id, Limits.of(query), cast("Source", query.source))
    passages = [] if words else _retrieve(query, report)
    report("GENERATION", 70, "Generating response")
    if not passages:
        writer.write(iter([words or NOTHING_FOUND]))
        return COMPLETE
    answerer = get_answerer(lambda words: _say_retry(report, words))
    writer.write(answerer.answer(query.question, passages, report.check), answerer)
    doubts = answerer.doubts(writer.text, passages)
    with report.fence():
        query.trace |= doubts
        models.Query.objects.filter(pk=query.pk).update(trace=query.trace)
    return COMPLETE


def _say_retry(report: Report, words: str) -> None:
    report("GENERATION", 70, words)
    report.flush()  # words alone could wait a second


def why_nothing(owner_id: int, limits: Limits = ALL, source: Source = "mine") -> str:
    """Why nothing can be found at all in what a person asks; or ""."""
    asked = asked_documents(owner_id, limits, source).order_by()
    states = set(asked.values_list("job__status", flat=True).distinct())
    if not states:
        return NOTHING_THERE if limits.collections else _NONE.get(source, NO_DOCUMENTS)
    if Status.DONE in states:
        return ""
    return NOT_READY if states.intersection(ACTIVE) else NONE_READY


def _retrieve(query: models.Query, report: Report) -> list[Passage]:
    report("EMBEDDING", 20, "Generating query embedding")
    embedder = current()
    vector = embedder.embed_question(query.question)
    report("RETRIEVAL", 40, "Retrieving relevant chunks")
    found = find(
        scope_of(query.owner_id, Limits.of(query), cast("Source", query.source)),
        query.question,
        vector,
        embedder,
        top_k=query.top_k,
        parts=Parts(**query.parts),
    )
    query.trace = found.trace | {"model": embedder.name}
    with report.fence():
        passages = _keep(query, found.passages)
        models.Query.objects.filter(pk=query.pk).update(trace=query.trace)
    noun = "chunk" if len(passages) == 1 else "chunks"
    report("RETRIEVAL", 50, f"Found {len(passages)} relevant {noun}")
    report.flush()  # the next stage follows at once, and this one is to be seen
    return passages


def _keep(query: models.Query, passages: list[Passage]) -> list[Passage]:
    """The rows of the passages whose documents are still there; nobody deletes one meanwhile."""
    documents = Document.objects.filter(pk__in={passage.document_id for passage in passages})
    there = set(
        documents.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True)
    )
    kept = [passage for passage in passages if passage.document_id in there]
    chunks = Chunk.objects.filter(pk__in=[passage.chunk_id for passage in kept])
    whole = set(chunks.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    models.Passage.objects.bulk_create(
        models.Passage(
            query=query,
            **asdict(passage)
            | {"chunk_id": passage.chunk_id if passage.chunk_id in whole else None},
        )
        for passage in kept
    )
    return kept


class AnswerWriter:
    """Keeps the answer's row and the tabs abreast of the text: first the row, then the event."""

    def __init__(self, query: models.Query, report: Report) -> None:
        self._query = query
        self._report = report
        self._text = ""
        self._sent = 0  # characters
        self._flushed = 0.0

    def begin(self) -> None:
        """Forget what an earlier attempt wrote."""
        with self._report.fence():
            self._query.passages.all().delete()
            models.Query.objects.filter(pk=self._query.pk).update(
                answer="", answered_by="", trace={}
            )

    def write(self, pieces: Iterator[str], answerer: Answerer | None = None) -> None:
        """Write and send the pieces at most every 50 ms or 512 characters, then the end."""
        if answerer:
            with self._report.fence():
                models.Query.objects.filter(pk=self._query.pk).update(answered_by=answerer.name)
        for piece in pieces:
            self.add(piece)
            self._report.check()
        self.end()

    @property
    def text(self) -> str:
        return self._text

    def add(self, piece: str) -> None:
        self._text += piece
        waiting = len(self._text) - self._sent
        if waiting >= FLUSH_CHARACTERS or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self._flush()

    def end(self) -> None:
        self._flush(is_complete=True)

    def _flush(self, *, is_complete: bool = False) -> None:
        with self._report.fence() as job:
            models.Query.objects.filter(pk=self._query.pk).update(answer=self._text)
            while len(self._text) - self._sent > MOST_CHARACTERS:
                self._publish(job, self._sent + MOST_CHARACTERS)
            self._publish(job, len(self._text), is_complete=is_complete)
        self._flushed = time.monotonic()

    def _publish(self, job: Job, end: int, *, is_complete: bool = False) -> None:
        """Send the text up to an offset, once the fence's transaction has committed."""
        content = self._text[self._sent : end]
        event = answer_chunk(job, content, self._sent, is_complete=is_complete)
        publish(self._query.owner_id, event, job=job)
        self._sent = end
