"""BM25 over postings, computed by PostgreSQL among the chunks that are searched."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from documents.models import Chunk, Document
from rag.language import language_of
from rag.models import Indexed, Posting
from rag.scope import CONDITION, Corpus, Scope
from rag.terms import terms

K1 = 1.2
B = 0.75
MOST_TERMS = 64  # of a question

_COPY = "COPY rag_posting (owner_id, document_id, chunk_id, term, frequency, length) FROM STDIN"
_SEARCH = f"""
WITH hits AS MATERIALIZED (
    SELECT chunk_id, term, frequency, length FROM rag_posting
    WHERE term = ANY(%(terms)s) AND {CONDITION}
), weights AS (
    SELECT term, ln(
        1 + (greatest(%(chunks)s, count(*)) - count(*) + 0.5)::float8 / (count(*) + 0.5)::float8
    ) AS weight
    FROM hits GROUP BY term
)
SELECT chunk_id, sum(
    weight * frequency * (%(k1)s::float8 + 1)
    / (frequency + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * length / %(mean)s::float8))
) AS score
FROM hits JOIN weights USING (term)
GROUP BY chunk_id
ORDER BY score DESC, chunk_id
LIMIT %(limit)s
"""


def begin(document: Document, chunks: Sequence[Chunk]) -> Indexed:
    """Delete the document's postings, and say that it is indexed anew; inside the caller's
    transaction. `chunks` tell its language."""
    Posting.objects.filter(document=document).delete()
    language = language_of("\n".join(chunk.text for chunk in chunks[:10]))
    row, _ = Indexed.objects.update_or_create(
        document=document,
        defaults={"owner_id": document.owner_id, "language": language, "chunks": 0, "terms": 0},
    )
    return row


def write(row: Indexed, chunks: Sequence[Chunk]) -> None:
    """Add the postings of some chunks; inside the caller's transaction."""
    counted = [(chunk.pk, Counter(terms(chunk.text, row.language))) for chunk in chunks]
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for values in _rows(row, counted):
            copy.write_row(values)
    row.chunks += len(counted)
    row.terms += sum(found.total() for _, found in counted)
    row.save(update_fields=["chunks", "terms"])


def _rows(
    row: Indexed, counted: list[tuple[int, Counter[str]]]
) -> Iterator[tuple[int, uuid.UUID, int, str, int, int]]:
    for pk, found in counted:
        length = found.total()
        for term, frequency in found.items():
            yield row.owner_id, row.document_id, pk, term, frequency, length


def search(scope: Scope, corpus: Corpus, question: str, limit: int) -> list[int]:
    """The ids of the chunks that match best, the best first."""
    asked = asked_terms(question, corpus)[:MOST_TERMS]
    if not asked:
        return []
    parameters: dict[str, Any] = scope.parameters | {
        "terms": asked,
        "chunks": corpus.chunks,
        "mean": max(1.0, corpus.terms / max(1, corpus.chunks)),
        "limit": limit,
        "k1": K1,
        "b": B,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SEARCH, parameters)
        return [pk for pk, _ in cursor.fetchall()]


def asked_terms(question: str, corpus: Corpus) -> list[str]:
    """The question's terms, each once, as they stand in documents of every language there is."""
    languages = corpus.languages or (language_of(question),)
    return list(dict.fromkeys(term for each in languages for term in terms(question, each)))
