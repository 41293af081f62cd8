"""A new embedding model takes the place of the old: its vectors are written beside the others, and
questions are compared by it only once they are complete. The words are indexed anew as well."""

import uuid
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from documents.models import Chunk, Document
from rag.beginnings import embedded_texts
from rag.embedder import Check, Embedder, get_embedder
from rag.index import GROUP, model_row, post
from rag.models import Embedding, EmbeddingModel
from realtime import jobs
from realtime.models import ACTIVE, Job
from realtime.work import Report, SilentReport

KIND = "rag.reindex"
EMBEDDED, POSTED = 80, 99  # percent of the job at the end of the stage


def begin(owner: User) -> Job:
    """The job, in which the owner can follow it; the one that is under way, if there is one."""
    with transaction.atomic():
        if running := Job.objects.filter(kind=KIND, status__in=ACTIVE).first():
            return running
        job = jobs.create(owner, KIND, uuid.uuid4())
        jobs.announce(job)
    return job


def reindex(_subject: uuid.UUID, report: Report) -> str:
    """Embed all chunks with the model that the settings name, write all postings, then switch.

    Returns the closing message. What was embedded before is kept: doing it again goes on.
    """
    embedder = get_embedder()
    model = model_row(embedder)
    report("EMBEDDING", 0, "Generating embeddings")
    total, left = Chunk.objects.count(), _missing(model).count()
    while missing := list(_missing(model)[:GROUP]):
        _embed(missing, embedder, model, partial(_say, report, total, max(0, total - left)), report)
        left -= len(missing)
    report("INDEXING", EMBEDDED, "Writing the index")
    done = _post_all(report)
    report("SWITCHING", POSTED, "Switching to the new index")
    while not _switch(model, report):
        missing = list(_missing(model)[:GROUP])
        _embed(missing, embedder, model, lambda _: report.check(), report)
    return f"{_count(done, 'document')}, {_count(total, 'chunk')} by {embedder.name}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _say(report: Report, total: int, before: int, done: int) -> None:
    done = min(total, before + done)
    percent = EMBEDDED * done // max(1, total)
    report("EMBEDDING", percent, f"Generating embeddings ({done:,} of {total:,})")


def _missing(model: EmbeddingModel) -> QuerySet[Chunk]:
    """The chunks that another model has embedded, and this one not."""
    vectors = Embedding.objects.filter(chunk=OuterRef("pk"))
    others = Exists(vectors.exclude(model=model))
    return Chunk.objects.filter(others, ~Exists(vectors.filter(model=model))).order_by("pk")


def _embed(
    chunks: list[Chunk],
    embedder: Embedder,
    model: EmbeddingModel,
    check: Check,
    report: Report,
) -> None:
    rows = embedder.embed_passages(embedded_texts(chunks), check)
    vectors = dict(zip([chunk.pk for chunk in chunks], rows, strict=True))
    with report.fence():
        # Nobody deletes them meanwhile, and what is deleted already is left out.
        there = Chunk.objects.filter(pk__in=vectors).order_by("pk")
        owners = there.select_for_update(no_key=True, of=("self",)).values_list(
            "pk", "document_id", "document__owner_id"
        )
        Embedding.objects.bulk_create(
            [
                Embedding(
                    model=model, owner_id=owner, document_id=document, chunk_id=pk,
                    vector=vectors[pk],
                )
                for pk, document, owner in owners
            ],
            ignore_conflicts=True,  # a document that is being indexed may write them too
        )  # fmt: skip


def _post_all(report: Report) -> int:
    """Each document's postings in one transaction: a search finds the old ones or the new."""
    documents = list(Document.objects.order_by("pk").values_list("pk", flat=True))
    for place, pk in enumerate(documents):
        with report.fence():
            # Its own work holds no lock on it: it is waited for at most as long as it writes.
            document = Document.objects.select_for_update(no_key=True).filter(pk=pk).first()
            if document is not None:
                chunks = list(document.chunks.order_by("index").only("id", "text"))
                post(document, chunks, SilentReport())
        percent = EMBEDDED + (POSTED - EMBEDDED) * place // len(documents)
        report("INDEXING", percent, f"Writing the index ({place + 1:,} of {len(documents):,})")
    return len(documents)


def _switch(model: EmbeddingModel, report: Report) -> bool:
    """Make the model the current one, unless something came in that it has not embedded."""
    with report.fence():
        if _missing(model).exists():
            return False
        EmbeddingModel.objects.filter(is_current=True).exclude(pk=model.pk).update(is_current=False)
        EmbeddingModel.objects.filter(pk=model.pk).update(is_current=True)
    return True
