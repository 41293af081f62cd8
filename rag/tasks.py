"""The interactive queue, and what documents tell their index. Imported by workers only."""

import dataclasses

from celery import shared_task

from documents.signals import chunked
from rag import search
from rag.embedder import get_embedder
from rag.index import index_document
from rag.process import answer_query
from rag.retrieve import retrieve
from realtime.ask import answer
from realtime.work import Failure, run

chunked.connect(index_document, dispatch_uid="rag.index")


@shared_task(name="rag.answer", acks_late=True, reject_on_worker_lost=True)
def answer_question(job_id: str) -> None:
    run(job_id, answer_query)


@shared_task(name=search.TASK)
def answer_search(key: str, owner_id: int, question: str, top_k: int) -> None:
    embedder = get_embedder()
    try:
        vector = embedder.embed_question(question)
        passages = retrieve(owner_id, question, vector, embedder, top_k=top_k)
    except Failure as failure:
        return answer(key, {"error": str(failure)})
    found = [
        dataclasses.asdict(passage) | {"document_id": str(passage.document_id)}
        for passage in passages
    ]
    return answer(key, {"passages": found})
