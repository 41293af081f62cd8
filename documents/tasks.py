"""The documents queue."""

from celery import shared_task

from documents import batches
from documents.intake import KIND
from documents.process import process
from realtime.work import run_next


@shared_task(name="documents.sweep")
def sweep() -> None:
    batches.sweep()


@shared_task(name=KIND, acks_late=True, reject_on_worker_lost=True)
def process_document(job_id: str) -> None:
    """Whichever document is next; `job_id` is the one that the message was sent for."""
    run_next(KIND, process)
