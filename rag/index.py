"""The index: a vector per chunk, with an HNSW index per model, and the postings of its terms."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from documents.models import Chunk, Document
from rag import lexical
from rag.ahead import embed_ahead
from rag.beginnings import embedded_texts
from rag.embedder import Embedder, Vectors, get_embedder
from rag.in_use import current
from rag.models import Embedding, EmbeddingModel
from rag.nearest import MOST_HNSW_DIMENSIONS
from realtime.work import Report

POSTED = 1000  # chunks whose postings are written together
GROUP = 32  # chunks whose vectors are written together: a killed worker may lose two of these
START, END = 25, 95  # percent of the job
_LOCK = 7_310_001  # advisory: one process makes the row and the index of a new model


def index_document(document: Document, report: Report, **_: Any) -> None:
    """Embed and index a document's chunks, from 25 to 100 percent; the receiver of `chunked`.

    Vectors that an earlier attempt has written for the same chunks are kept.
    """
    model, wanted = current(), get_embedder()
    index_chunks(document, model, report)
    # A model that takes the place of the current one must not miss what comes in meanwhile.
    if wanted.name != model.name and EmbeddingModel.objects.filter(name=wanted.name).exists():
        chunks = list(document.chunks.order_by("index").only("id", "index", "document_id", "text"))
        embed(document, chunks, wanted, report)


def index_chunks(document: Document, embedder: Embedder, report: Report) -> None:
    """The same by one model."""
    report("EMBEDDING", START, "Generating embeddings")
    chunks = list(document.chunks.order_by("index").only("id", "index", "document_id", "text"))
    embed(document, chunks, embedder, report)
    report("INDEXING", END, "Writing the index")
    post(document, chunks, report)


def post(document: Document, chunks: Sequence[Chunk], report: Report) -> None:
    """Write the postings of all the document's chunks anew."""
    with report.fence():
        row = lexical.begin(document, chunks)
        lexical.write(row, chunks[:POSTED])
    for begin in range(POSTED, len(chunks), POSTED):
        percent = END + (100 - END) * begin // len(chunks)
        report("INDEXING", percent, f"Writing the index ({begin:,} of {len(chunks):,})")
        # A fence holds the job's row: short ones let it be cancelled, and its lease renewed.
        with report.fence():
            lexical.write(row, chunks[begin : begin + POSTED])


def embed(document: Document, chunks: Sequence[Chunk], embedder: Embedder, report: Report) -> None:
    """Write the vectors that are missing."""
    model = model_row(embedder)
    kept = set(
        Embedding.objects.filter(document=document, model=model).values_list("chunk_id", flat=True)
    )
    missing = [chunk for chunk in chunks if chunk.pk not in kept]
    total, before = len(chunks), len(chunks) - len(missing)

    def check(done: int) -> None:
        done += before
        if done >= total:  # the next stage says so
            return report.check()
        percent = START + (END - START) * done // max(1, total)
        return report("EMBEDDING", percent, f"Generating embeddings ({done} of {total})")

    groups = [missing[begin : begin + GROUP] for begin in range(0, len(missing), GROUP)]

    def write(place: int, rows: Vectors) -> None:
        with report.fence():
            shared = {"model": model, "owner_id": document.owner_id, "document": document}
            Embedding.objects.bulk_create(
                Embedding(chunk=chunk, vector=row, **shared)
                for chunk, row in zip(groups[place], rows, strict=True)
            )

    embed_ahead([embedded_texts(group) for group in groups], embedder, check, write)


def model_row(embedder: Embedder) -> EmbeddingModel:
    """The row of the embedder's model; its first use makes it, and its index.

    While the current model has embedded nothing, the new one takes its place.
    """
    model = EmbeddingModel.objects.filter(name=embedder.name).first()
    if model is not None:
        return model
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        is_first = not Embedding.objects.filter(model__is_current=True).exists()
        if is_first:
            EmbeddingModel.objects.filter(is_current=True).update(is_current=False)
        model, created = EmbeddingModel.objects.get_or_create(
            name=embedder.name,
            defaults={
                "dimensions": embedder.dimensions,
                "base_url": embedder.base_url,
                "is_current": is_first,
            },
        )
        if created and model.dimensions <= MOST_HNSW_DIMENSIONS:
            cursor.execute(hnsw(model))
    return model


def hnsw(model: EmbeddingModel) -> str:
    """The statement that makes the index of a model's vectors."""
    return (
        f"CREATE INDEX IF NOT EXISTS embedding_hnsw_{model.pk} ON rag_embedding "
        f"USING hnsw ((vector::vector({model.dimensions})) vector_cosine_ops) "
        f"WHERE model_id = {model.pk}"
    )
