"""The documents queue, and what a person waits for."""

from celery import shared_task

from documents import pictures
from documents.draw import draw, preview_cut
from documents.process import process
from realtime.ask import answer
from realtime.work import run


@shared_task(name="documents.process", acks_late=True, reject_on_worker_lost=True)
def process_document(job_id: str) -> None:
    run(job_id, process)


@shared_task(name=pictures.DRAW)
def answer_draw(key: str, document_id: str, page: int, width: int, start: int, end: int) -> None:
    answer(key, draw(document_id, page, width, start, end))


@shared_task(name=pictures.CUT)
def answer_cut(key: str, document_id: str, tokens: int, overlap: int, page: int) -> None:
    answer(key, preview_cut(document_id, tokens, overlap, page))


@shared_task(name="documents.tidy")
def tidy() -> None:
    pictures.tidy()
