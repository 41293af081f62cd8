"""BM25 over postings, computed by PostgreSQL among the chunks that are searched."""

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

MOST_IN_ROW = 100  # chunks: with them the row fits into the index
MOST_COUNT = 32_767  # what a row can hold

_COPY = "COPY rag_posting (owner_id, document_id, term, chunks, frequencies, lengths) FROM STDIN"
_SEARCH = f"""
WITH found AS MATERIALIZED (
    SELECT term, chunks, frequencies, lengths FROM rag_posting
    WHERE term = ANY(%(terms)s) AND {CONDITION}
), weights AS MATERIALIZED (
    SELECT term, ln(
        1 + (greatest(%(chunks)s::float8, count) - count + 0.5::float8) / (count + 0.5::float8)
    ) * (%(k1)s::float8 + 1) AS weight
    FROM (
        SELECT term, sum(cardinality(chunks))::float8 AS count FROM found GROUP BY term
    ) AS counted
), hits AS (
    SELECT unnest(chunks) AS chunk_id, weight, unnest(frequencies) AS frequency,
        unnest(lengths) AS length
    FROM found JOIN weights USING (term)
)
SELECT chunk_id, sum(
    weight * frequency
    / (frequency + (%(k1)s::float8 * (1 - %(b)s::float8)
        + %(k1)s::float8 * %(b)s::float8 / %(mean)s::float8 * length))
) AS score
FROM hits
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
        for values in rows(counted):
            copy.write_row((row.owner_id, row.document_id, *values))
    row.chunks += len(counted)
    row.terms += sum(found.total() for _, found in counted)
    row.save(update_fields=["chunks", "terms"])


def rows(counted: Sequence[tuple[int, Counter[str]]]) -> Iterator[tuple[str, str, str, str]]:
    """A term, and arrays as PostgreSQL reads them: chunks that it stands in, how often in each, and
    how many terms each has."""
    found: dict[str, tuple[list[str], list[str], list[str]]] = {}
    for pk, counts in counted:
        chunk, length = str(pk), str(min(counts.total(), MOST_COUNT))
        for term, frequency in counts.items():
            chunks, frequencies, lengths = found.setdefault(term, ([], [], []))
            chunks.append(chunk)
            frequencies.append(str(min(frequency, MOST_COUNT)))
            lengths.append(length)
    for term, lists in found.items():
        for begin in range(0, len(lists[0]), MOST_IN_ROW):
            first, second, third = (_array(each[begin : begin + MOST_IN_ROW]) for each in lists)
            yield term, first, second, third


def _array(numbers: list[str]) -> str:
    return "{" + ",".join(numbers) + "}"


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
