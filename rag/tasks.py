"""The interactive queue, and what documents tell their index. Imported by workers only."""

import dataclasses
import uuid

from celery import shared_task

from documents.signals import chunked
from rag import search
from rag.in_use import current
from rag.index import index_document
from rag.limits import Limits
from rag.parts import Parts
from rag.process import answer_query
from rag.reindex import KIND, reindex
from rag.retrieve import find
from rag.scope import scope_of
from rag.search import Options
from realtime.ask import answer
from realtime.work import Failure, run

chunked.connect(index_document, dispatch_uid="rag.index")


@shared_task(name="rag.answer", acks_late=True, reject_on_worker_lost=True)
def answer_question(job_id: str) -> None:
    run(job_id, answer_query)


@shared_task(name=KIND, acks_late=True, reject_on_worker_lost=True)
def index_anew(job_id: str) -> None:
    run(job_id, reindex)


@shared_task(name=search.TASK)
def answer_search(key: str, owner_id: int, question: str, top_k: int, options: Options) -> None:
    embedder = current()
    limits = Limits(
        tuple(uuid.UUID(pk) for pk in options.get("documents", ())),
        tuple(uuid.UUID(pk) for pk in options.get("collections", ())),
    )
    scope = scope_of(owner_id, limits, options.get("source", "mine"))
    try:
        vector = embedder.embed_question(question)
        parts = Parts(**options.get("parts", {}))
        found = find(scope, question, vector, embedder, top_k=top_k, parts=parts)
    except Failure as failure:
        return answer(key, {"error": str(failure)})
    passages = [
        dataclasses.asdict(passage) | {"document_id": str(passage.document_id)}
        for passage in found.passages
    ]
    return answer(key, {"passages": passages, "trace": found.trace})
