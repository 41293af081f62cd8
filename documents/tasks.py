"""The documents queue."""

from celery import shared_task

from documents.process import process
from realtime.work import run


@shared_task(name="documents.process", acks_late=True, reject_on_worker_lost=True)
def process_document(job_id: str) -> None:
    run(job_id, process)
