"""The index: a vector per chunk, with an HNSW index per model, and the postings of its terms."""

from functools import partial
from typing import Any

from django.db import connection, transaction

from documents.models import Chunk, Document
from rag import lexical
from rag.embedder import Embedder, get_embedder
from rag.models import Embedding, EmbeddingModel
from realtime.work import Report

POSTED = 1000  # chunks whose postings are written together
GROUP = 32  # chunks whose vectors are written together: what a killed worker may lose
MOST_HNSW_DIMENSIONS = 2000  # pgvector's bound; beyond it search is exact
START, END = 25, 95  # percent of the job
_LOCK = 7_310_001  # advisory: one process makes the row and the index of a new model


def index_document(document: Document, report: Report, **_: Any) -> None:
    """Embed and index a document's chunks, from 25 to 100 percent; the receiver of `chunked`.

    Vectors that an earlier attempt has written for the same chunks are kept.
    """
    report("EMBEDDING", START, "Generating embeddings")
    embedder = get_embedder()
    model = model_row(embedder)
    chunks = list(document.chunks.order_by("index").only("id", "text"))
    _embed(document, chunks, embedder, model, report)
    report("INDEXING", END, "Writing the index")
    with report.fence():
        lexical.forget(document)
    for begin in range(0, len(chunks), POSTED):
        # A fence holds the job's row: short ones let it be cancelled, and its lease renewed.
        with report.fence():
            lexical.write(document, chunks[begin : begin + POSTED])
        report("INDEXING", END + (100 - END) * begin // len(chunks), "Writing the index")
    report("INDEXING", 100, "Writing the index")


def _embed(
    document: Document,
    chunks: list[Chunk],
    embedder: Embedder,
    model: EmbeddingModel,
    report: Report,
) -> None:
    kept = set(
        Embedding.objects.filter(document=document, model=model).values_list("chunk_id", flat=True)
    )
    missing = [chunk for chunk in chunks if chunk.pk not in kept]
    total, before = len(chunks), len(chunks) - len(missing)

    def check(begin: int, done: int) -> None:
        done += before + begin
        percent = START + (END - START) * done // max(1, total)
        report("EMBEDDING", percent, f"Generating embeddings ({done} of {total})")

    for begin in range(0, len(missing), GROUP):
        group = missing[begin : begin + GROUP]
        rows = embedder.embed_passages([chunk.text for chunk in group], partial(check, begin))
        with report.fence():
            shared = {"model": model, "owner_id": document.owner_id, "document": document}
            Embedding.objects.bulk_create(
                Embedding(chunk=chunk, vector=row, **shared)
                for chunk, row in zip(group, rows, strict=True)
            )


def model_row(embedder: Embedder) -> EmbeddingModel:
    """The row of the embedder's model; its first use makes it, and its index."""
    model = EmbeddingModel.objects.filter(name=embedder.name).first()
    if model is not None:
        return model
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        model, created = EmbeddingModel.objects.get_or_create(
            name=embedder.name, defaults={"dimensions": embedder.dimensions}
        )
        if created and model.dimensions <= MOST_HNSW_DIMENSIONS:
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS embedding_hnsw_{model.pk} ON rag_embedding "
                f"USING hnsw ((vector::vector({model.dimensions})) vector_cosine_ops) "
                f"WHERE model_id = {model.pk}"
            )
    return model
