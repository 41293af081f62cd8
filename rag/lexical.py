"""BM25 over postings, computed by PostgreSQL among the chunks of one owner."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from documents.models import Chunk, Document
from rag.limits import ALL, Limits
from rag.models import ChunkLength, Posting
from rag.terms import terms
from realtime.models import Status

K1 = 1.2
B = 0.75
MOST_TERMS = 64  # of a question

_COPY = "COPY rag_posting (owner_id, document_id, chunk_id, term, frequency, length) FROM STDIN"
# A term's document frequency is counted among all chunks of the owner, and so is the mean length;
# only then the chunks that may be found are chosen.
_SEARCH = """
WITH corpus AS (
    SELECT count(*)::float AS chunks, greatest(avg(length), 1)::float AS mean
    FROM rag_chunklength WHERE owner_id = %(owner)s
), weights AS (
    SELECT term, ln(1 + (greatest(chunks, count(*)) - count(*) + 0.5) / (count(*) + 0.5)) AS weight
    FROM rag_posting CROSS JOIN corpus
    WHERE owner_id = %(owner)s AND term = ANY(%(terms)s)
    GROUP BY term, chunks
)
SELECT hits.chunk_id, sum(
    weight * frequency * (%(k1)s::float + 1)
    / (frequency + %(k1)s::float * (1 - %(b)s::float + %(b)s::float * length / mean))
) AS score
FROM rag_posting AS hits
JOIN weights ON weights.term = hits.term
CROSS JOIN corpus
JOIN documents_document AS document ON document.id = hits.document_id
JOIN realtime_job AS job ON job.id = document.job_id
WHERE hits.owner_id = %(owner)s AND hits.term = ANY(%(terms)s) AND job.status = %(done)s
    AND (%(everything)s OR document.id = ANY(%(documents)s::uuid[])
        OR document.collection_id = ANY(%(collections)s::uuid[]))
GROUP BY hits.chunk_id
ORDER BY score DESC, hits.chunk_id
LIMIT %(limit)s
"""


def forget(document: Document) -> None:
    """Delete the document's postings; inside the caller's transaction."""
    Posting.objects.filter(document=document).delete()
    ChunkLength.objects.filter(document=document).delete()


def write(document: Document, chunks: Sequence[Chunk]) -> None:
    """Add the postings of some chunks; inside the caller's transaction."""
    counted = [(chunk.pk, Counter(terms(chunk.text))) for chunk in chunks]
    ChunkLength.objects.bulk_create(
        [
            ChunkLength(
                chunk_id=pk, owner_id=document.owner_id, document=document, length=found.total()
            )
            for pk, found in counted
        ],
        batch_size=1000,
    )
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in _rows(document, counted):
            copy.write_row(row)


def _rows(
    document: Document, counted: list[tuple[int, Counter[str]]]
) -> Iterator[tuple[int, uuid.UUID, int, str, int, int]]:
    for pk, found in counted:
        length = found.total()
        for term, frequency in found.items():
            yield document.owner_id, document.pk, pk, term, frequency, length


def search(owner_id: int, question: str, limit: int, limits: Limits = ALL) -> list[int]:
    """The ids of the chunks of finished documents that match best, the best first."""
    asked = list(dict.fromkeys(terms(question)))[:MOST_TERMS]
    if not asked:
        return []
    parameters: dict[str, Any] = {
        "owner": owner_id,
        "terms": asked,
        "done": Status.DONE.value,
        "limit": limit,
        "k1": K1,
        "b": B,
        **limits.parameters(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SEARCH, parameters)
        return [pk for pk, _ in cursor.fetchall()]
