"""The chunks whose vectors are nearest to a question's."""

from typing import Any

from django.db import connection, transaction
from pgvector import Vector

from rag.embedder import Vectors
from rag.models import EmbeddingModel
from rag.scope import CONDITION, Corpus, Scope

# So many vectors are compared one by one in little time. With more, an index walks; and would walk
# past its bound where the chunks that may be found are few among many.
MOST_EXACT = 6000
MOST_HNSW_DIMENSIONS = 2000  # pgvector's bound; beyond it search is exact
MOST_WALKED = 200_000  # vectors

# The planner uses a model's own index only when its number and dimensions stand in the text.
_NEAREST = """
SELECT chunk_id FROM rag_embedding
WHERE model_id = {model} AND {condition}
ORDER BY (vector::vector({dimensions}) <=> %(vector)s::vector({dimensions})){exact}
LIMIT %(limit)s
"""
# For this transaction: the index goes on until enough of its rows may be found.
_WALK = """
SELECT set_config('hnsw.iterative_scan', 'strict_order', true),
    set_config('hnsw.max_scan_tuples', %s, true), set_config('hnsw.ef_search', %s, true)
"""
_SCORES = """
SELECT chunk_id, 1 - (vector <=> %(vector)s::vector)
FROM rag_embedding WHERE model_id = %(model)s AND chunk_id = ANY(%(chunks)s)
"""


def nearest(
    scope: Scope, corpus: Corpus, vector: Vectors, model: EmbeddingModel, limit: int
) -> list[int]:
    """The ids of the chunks whose vectors are nearest, the nearest first."""
    is_exact = corpus.chunks <= MOST_EXACT or model.dimensions > MOST_HNSW_DIMENSIONS
    found = _search(scope, vector, model, limit, is_exact=is_exact)
    if not is_exact and len(found) < min(limit, corpus.chunks):
        found = _search(scope, vector, model, limit, is_exact=True)
    return found


def _search(
    scope: Scope, vector: Vectors, model: EmbeddingModel, limit: int, *, is_exact: bool
) -> list[int]:
    parameters: dict[str, Any] = scope.parameters | {
        "vector": Vector(vector).to_text(),
        "limit": limit,
    }
    sql = _NEAREST.format(
        model=model.pk,
        dimensions=model.dimensions,
        condition=CONDITION,
        exact=" + 0" if is_exact else "",  # no index is ordered by a sum
    )
    with transaction.atomic(), connection.cursor() as cursor:
        if not is_exact:
            cursor.execute(_WALK, [str(MOST_WALKED), str(min(1000, max(40, limit)))])
        cursor.execute(sql, parameters)
        return [pk for (pk,) in cursor.fetchall()]


def cosines(chunks: list[int], vector: Vectors, model: EmbeddingModel) -> dict[int, float]:
    """How close chunks are to the question, from -1 to 1; those without a vector are left out."""
    parameters: dict[str, Any] = {
        "vector": Vector(vector).to_text(),
        "model": model.pk,
        "chunks": chunks,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SCORES, parameters)
        return {pk: float(score) for pk, score in cursor.fetchall()}
