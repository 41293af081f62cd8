"""A grounded reply: the passages of the owner's documents that it is written from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from django.db import transaction

from chat.blocks import Sources
from chat.models import Message, Role, Source
from chat.offers import Offer
from rag.answer import NOTHING_FOUND, Extractive
from rag.events import RagProgress, Stage
from rag.in_use import current
from rag.limits import Limits
from rag.process import why_nothing
from rag.retrieve import Passage, retrieve
from rag.sources import sources_of
from realtime.publish import publish
from realtime.work import Report

TOP_K = 6
FEW_WORDS = 6  # a question this short is understood from the one before it


@dataclass(frozen=True)
class Grounding:
    """What a reply rests on. `words`, where they are set, are the whole reply: quotes, or why there
    is nothing. `author` is kept with them."""

    passages: Sequence[Passage] = ()
    sources: Sources = field(default_factory=dict)
    words: str = ""
    author: str = ""


def ground(
    reply: Message, path: Sequence[Message], offer: Offer, report: Report, *, goes_on: bool
) -> Grounding:
    """Find passages, if the session answers from documents, and keep them as the reply's sources.

    A reply that `goes_on`, after a tool, keeps those it has.
    """
    session = reply.session
    if not session.use_documents:
        return Grounding()
    limits = Limits.of(session)
    if words := why_nothing(session.owner_id, limits, "chosen" if session.is_limited else "mine"):
        return Grounding(words=words)
    question = _question(path)
    rows = list(reply.sources.filter(document__isnull=False))
    if not (goes_on and rows):
        rows = _find(reply, question, limits, report)
    passages = [Passage.of(row) for row in rows]
    if not passages:
        return Grounding(words=NOTHING_FOUND)
    sources = sources_of(rows)
    if not offer.is_demo:
        return Grounding(passages, sources)
    quotes = Extractive(current())  # a model so small would invent; sentences do not
    words = "".join(quotes.answer(path[-1].content, passages, report.check))
    return Grounding(passages, sources, words, quotes.name)


def _question(path: Sequence[Message]) -> str:
    """The last question; a short one with the one before it, which it may refer to."""
    asked = [message.content for message in path if message.role == Role.USER]
    return "\n".join(asked[-2:] if len(asked[-1].split()) < FEW_WORDS else asked[-1:])


def _find(reply: Message, question: str, limits: Limits, report: Report) -> list[Source]:
    embedder = current()
    _tell(reply, report, "EMBEDDING", 20, "Generating query embedding")
    vector = embedder.embed_question(question)
    _tell(reply, report, "RETRIEVAL", 40, "Retrieving relevant chunks")
    owner_id = reply.session.owner_id
    passages = retrieve(owner_id, question, vector, embedder, top_k=TOP_K, limits=limits)
    rows = [Source(message=reply, **asdict(passage)) for passage in passages]
    with report.fence():
        reply.sources.all().delete()
        Source.objects.bulk_create(rows)
    noun = "chunk" if len(rows) == 1 else "chunks"
    _tell(reply, report, "RETRIEVAL", 50, f"Found {len(rows)} relevant {noun}")
    return rows


def _tell(reply: Message, report: Report, stage: Stage, progress: int, message: str) -> None:
    """The stage, and the same in the words of a question whose `queryId` is the reply's id."""
    report(stage, progress, message)
    report.flush()
    event = RagProgress(
        query_id=str(reply.pk),
        stage=stage,
        message=message,
        progress=progress,
        attempt=report.job.attempt,
    )
    with transaction.atomic():
        publish(reply.session.owner_id, event, durable=True, job=report.job)
