"""The chunks that fit a question: by meaning and by words, fused by rank."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Length
from pgvector import Vector

from documents.models import Chunk, Page
from rag import lexical
from rag.embedder import Embedder, Vectors
from rag.limits import ALL, Limits
from rag.models import EmbeddingModel, FoundPassage
from realtime.models import Status

CANDIDATES = 100  # of each kind
RRF_K = 60

# The planner uses a model's own index only when its number and dimensions stand in the text.
_NEAREST = """
SELECT embedding.chunk_id
FROM rag_embedding AS embedding
JOIN documents_document AS document ON document.id = embedding.document_id
JOIN realtime_job AS job ON job.id = document.job_id
WHERE embedding.model_id = {model} AND embedding.owner_id = %(owner)s AND job.status = %(done)s
    AND (%(everything)s OR document.id = ANY(%(documents)s::uuid[])
        OR document.collection_id = ANY(%(collections)s::uuid[]))
ORDER BY embedding.vector::vector({dimensions}) <=> %(vector)s::vector({dimensions})
LIMIT %(limit)s
"""
_SCORES = """
SELECT chunk_id, 1 - (vector <=> %(vector)s::vector)
FROM rag_embedding WHERE model_id = %(model)s AND chunk_id = ANY(%(chunks)s)
"""


@dataclass(frozen=True)
class Passage:
    """A chunk found for a question. `rank` counts from 1; `score` is the cosine to the question.

    `start` and `end` are characters of page `page`; where it runs on to `page_to`, `end` is the
    end of `page`.
    """

    rank: int
    chunk_id: int
    document_id: uuid.UUID
    document_name: str
    page: int
    page_to: int
    start: int
    end: int
    text: str
    score: float

    @classmethod
    def of(cls, row: FoundPassage) -> "Passage":
        """A passage that was kept, and whose document is still there."""
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})


def retrieve(
    owner_id: int,
    question: str,
    vector: Vectors,
    embedder: Embedder,
    *,
    top_k: int = 5,
    limits: Limits = ALL,
) -> list[Passage]:
    """The `top_k` best chunks of the owner's finished documents, within limits."""
    model = EmbeddingModel.objects.filter(name=embedder.name).first()
    rankings = [lexical.search(owner_id, question, CANDIDATES, limits)]
    if model is not None:
        rankings.append(nearest(owner_id, vector, model, CANDIDATES, limits))
    best = fuse(rankings)[:top_k]
    return _passages(best, _scores(best, vector, model) if model else {})


def nearest(
    owner_id: int,
    vector: Vectors,
    model: EmbeddingModel,
    limit: int,
    limits: Limits = ALL,
) -> list[int]:
    """The ids of the chunks whose vectors are nearest, the nearest first."""
    parameters: dict[str, Any] = {
        "owner": owner_id,
        "vector": Vector(vector).to_text(),
        "done": Status.DONE.value,
        "limit": limit,
        **limits.parameters(),
    }
    sql = _NEAREST.format(model=model.pk, dimensions=model.dimensions)
    with transaction.atomic(), connection.cursor() as cursor:
        # The index goes on until enough of its rows are the owner's.
        cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
        cursor.execute(f"SET LOCAL hnsw.ef_search = {min(1000, max(40, limit))}")
        cursor.execute(sql, parameters)
        return [pk for (pk,) in cursor.fetchall()]


def fuse(rankings: list[list[int]]) -> list[int]:
    """Reciprocal rank fusion: the ids of all rankings, the best first."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, pk in enumerate(ranking, 1):
            scores[pk] = scores.get(pk, 0.0) + 1 / (RRF_K + place)
    return sorted(scores, key=lambda pk: (-scores[pk], pk))


def _scores(chunks: list[int], vector: Vectors, model: EmbeddingModel) -> dict[int, float]:
    parameters: dict[str, Any] = {
        "vector": Vector(vector).to_text(),
        "model": model.pk,
        "chunks": chunks,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SCORES, parameters)
        return {pk: float(score) for pk, score in cursor.fetchall()}


def _passages(best: list[int], scores: dict[int, float]) -> list[Passage]:
    """Passages in the order of `best`; chunks that were deleted meanwhile are left out."""
    chunks = Chunk.objects.select_related("document").in_bulk(best)
    found = [chunks[pk] for pk in best if pk in chunks]
    places = _places(found)
    passages: list[Passage] = []
    for chunk in found:
        if (chunk.document_id, chunk.page) not in places:
            continue
        page_start, length = places[chunk.document_id, chunk.page]
        passages.append(
            Passage(
                rank=len(passages) + 1,
                chunk_id=chunk.pk,
                document_id=chunk.document_id,
                document_name=chunk.document.name,
                page=chunk.page,
                page_to=chunk.page_to,
                start=chunk.start - page_start,
                end=min(chunk.end - page_start, length),
                text=chunk.text,
                score=round(scores.get(chunk.pk, 0.0), 4),
            )
        )
    return passages


def _places(chunks: list[Chunk]) -> dict[tuple[uuid.UUID, int], tuple[int, int]]:
    """Start and length in characters of the pages that the chunks begin on."""
    pages = Page.objects.filter(
        document_id__in={chunk.document_id for chunk in chunks},
        number__in={chunk.page for chunk in chunks},
    )
    rows = pages.annotate(length=Length("text")).values_list(
        "document_id", "number", "start", "length"
    )
    return {(document, number): (start, length) for document, number, start, length in rows}
