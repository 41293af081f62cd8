"""Doing a document's work again: cut otherwise, or read with its password."""

from django.db import transaction

from documents import passwords
from documents.cut import Cut
from documents.models import EXTRACTING, Document
from realtime import jobs
from realtime.models import ENDED, Job


def reprocess(document: Document, cut: Cut, *, reread: bool = False) -> bool:
    """Cut the text again, after reading the file again if asked to. False while it is worked on."""
    with transaction.atomic():
        job = Job.objects.select_for_update().get(pk=document.job_id)
        if job.status not in ENDED:
            return False
        has_text = bool(document.stored_stage) and not reread
        Document.objects.filter(pk=document.pk).update(
            chunk_tokens=cut.tokens,
            chunk_overlap=cut.overlap,
            stored_stage=EXTRACTING if has_text else "",
        )
        return jobs.again(job)


def unlock(document: Document, password: str) -> bool:
    """Read it with its password. False when none is asked for. Raises redis.RedisError."""
    if not document.needs_password or document.job.status not in ENDED:
        return False
    passwords.keep(document, password)
    return jobs.again(document.job)
