"""The chunks whose vectors are nearest to a question's."""

from typing import Any

from django.db import connection, transaction
from pgvector import Vector

from rag.embedder import Vectors
from rag.models import EmbeddingModel
from rag.scope import CONDITION, Corpus, Scope

# So many vectors are compared one by one in less time than an index takes to walk past those of
# others, and nothing is missed.
MOST_EXACT = 30_000
MOST_HNSW_DIMENSIONS = 2000  # pgvector's bound; beyond it search is exact
MOST_WALKED = 200_000  # vectors
# Before the walk asks which of them may be found. Fewer take longer, as it begins again and again,
# and find less.
AT_ONCE = 800

# The planner uses a model's own index only when its number and dimensions stand in the text.
_WALKED = """
SELECT chunk_id FROM rag_embedding
WHERE model_id = {model} AND {condition}
ORDER BY vector::vector({dimensions}) <=> %(vector)s::vector({dimensions})
LIMIT %(limit)s
"""
# All are of length 1: what has the greatest product is nearest.
_EXACT = """
SELECT chunk_id FROM rag_embedding
WHERE model_id = {model} AND {condition}
ORDER BY vector <#> %(vector)s::vector
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
    found = exact(scope, vector, model, limit) if is_exact else _walk(scope, vector, model, limit)
    if not is_exact and len(found) < min(limit, corpus.chunks):
        found = exact(scope, vector, model, limit)
    return found


def exact(scope: Scope, vector: Vectors, model: EmbeddingModel, limit: int) -> list[int]:
    """The same, each vector compared."""
    with connection.cursor() as cursor:
        return _found(cursor, _EXACT, scope, vector, model, limit)


def _walk(scope: Scope, vector: Vectors, model: EmbeddingModel, limit: int) -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WALK, [str(MOST_WALKED), str(AT_ONCE)])
        return _found(cursor, _WALKED, scope, vector, model, limit)


def _found(
    cursor: Any, sql: str, scope: Scope, vector: Vectors, model: EmbeddingModel, limit: int
) -> list[int]:
    parameters: dict[str, Any] = {"vector": Vector(vector).to_text(), "limit": limit}
    sql = sql.format(model=model.pk, dimensions=model.dimensions, condition=CONDITION)
    cursor.execute(sql, scope.parameters | parameters)
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
