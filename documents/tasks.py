"""The documents queue, and what a person waits for."""

from celery import shared_task

from documents import batches, pictures
from documents.draw import draw, preview_cut
from documents.intake import KIND
from documents.process import process
from realtime.ask import answer
from realtime.work import run_next


@shared_task(name="documents.sweep")
def sweep() -> None:
    batches.sweep()


@shared_task(name=KIND, acks_late=True, reject_on_worker_lost=True)
def process_document(job_id: str) -> None:
    """Whichever document is next; `job_id` is the one that the message was sent for."""
    run_next(KIND, process)


@shared_task(name=pictures.DRAW)
def answer_draw(key: str, document_id: str, page: int, width: int, start: int, end: int) -> None:
    answer(key, draw(document_id, page, width, start, end))


@shared_task(name=pictures.CUT)
def answer_cut(key: str, document_id: str, tokens: int, overlap: int, page: int) -> None:
    answer(key, preview_cut(document_id, tokens, overlap, page))


@shared_task(name="documents.tidy")
def tidy() -> None:
    pictures.tidy()
