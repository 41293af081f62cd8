"""How fast a search is, and a question: `python -m bench.search [CHUNKS]`, 100,000 by default.

The index is filled with the vectors of real paragraphs and random ones around them, and with the
paragraphs' own terms, for eight owners; in a schema of its own. Then people ask a running stack.
"""

import os
import pydoc_data.topics
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bench.bars import at_least, at_most
from tests.live.listener import Listener
from tests.stack import LiveStack, until

OWNERS, DOCUMENTS, PARAGRAPHS, ASKED = 8, 50, 400, 200
NOISE = 0.7  # length of what is added to a real vector of length 1
TEXT = (
    "The night heron of Lake Tarn builds its nest from willow twigs in early April.\n\n"
    "A queen bee lays up to 2,000 eggs a day.\n\nThe harbour was built in 1872.\n"
)
QUESTION = "How many eggs does a queen bee lay a day?"


_POSTINGS = """
INSERT INTO rag_posting (owner_id, document_id, chunk_id, term, frequency, length)
SELECT owner_id, document_id, chunk.id, term, times, length
FROM documents_chunk AS chunk JOIN documents_document AS document ON document.id = document_id
JOIN words ON place = chunk.id %% %s
"""


def paragraphs() -> list[str]:
    texts = "\n\n".join(pydoc_data.topics.topics.values()).split("\n\n")
    real = [" ".join(text.split()) for text in texts if 150 < len(text) < 1500]
    return random.Random(1).sample(real, PARAGRAPHS)


class Filled:
    """The tables with so many chunks; and what can be asked of them."""

    def __init__(self, chunks: int) -> None:
        from rag.embedder import get_embedder

        self.chunks = chunks
        self.random = np.random.default_rng(1)
        self.texts = paragraphs()
        self.embedder = get_embedder()
        self.real = self.embedder.embed_passages(self.texts)

    def around(self, place: int) -> Any:
        noise = self.random.standard_normal(self.real.shape[1]).astype(np.float32)
        row = self.real[place] + NOISE * noise / np.linalg.norm(noise)
        return row / np.linalg.norm(row)

    def fill(self) -> None:
        from django.contrib.auth.models import User
        from django.db import connection
        from pgvector.psycopg import register_vector

        from rag.index import hnsw, model_row

        people = [User.objects.create_user(f"owner {number}") for number in range(OWNERS)]
        self.owners = [person.pk for person in people]
        self.model = model_row(self.embedder)
        self.documents = [self._document(place) for place in range(OWNERS * DOCUMENTS)]
        register_vector(connection.connection)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX embedding_hnsw_{self.model.pk}")
            began = time.perf_counter()
            self._copy(cursor)
            print(f"{self.chunks:,} chunks written in {time.perf_counter() - began:.0f} s")
            began = time.perf_counter()
            cursor.execute("SET maintenance_work_mem = '1GB'")
            cursor.execute(hnsw(self.model))
            index = f"embedding_hnsw_{self.model.pk}"
            cursor.execute("SELECT pg_size_pretty(pg_relation_size(%s))", [index])
            size = cursor.fetchone()[0]
            print(f"HNSW built in {time.perf_counter() - began:.0f} s, {size}")
            cursor.execute("ANALYZE")

    def _document(self, place: int) -> tuple[Any, int]:
        from django.utils import timezone

        from documents.models import Document
        from rag.models import Indexed
        from realtime.models import Job, Status

        owner = self.owners[place % OWNERS]
        made = Document(owner_id=owner, name=f"{place}.txt", size=1)
        made.job = Job.objects.create(
            owner_id=owner, kind="documents.process", subject=made.pk, status=Status.DONE,
            queued_at=timezone.now(),
        )  # fmt: skip
        made.save(force_insert=True)
        count = self.chunks // (OWNERS * DOCUMENTS)
        Indexed.objects.create(
            document=made, owner_id=owner, language="en", chunks=count, terms=count * 60
        )
        return made.pk, owner

    def _copy(self, cursor: Any) -> None:
        from rag.terms import terms

        counted = [Counter(terms(text)) for text in self.texts]
        each = self.chunks // len(self.documents)
        chunks = [
            (place * each + index + 1, *self.documents[place], index)
            for place in range(len(self.documents))
            for index in range(each)
        ]
        columns = '(id, document_id, index, page, page_to, start, "end", text)'
        with cursor.copy(f"COPY documents_chunk {columns} FROM STDIN") as copy:
            for pk, document, _, index in chunks:
                copy.write_row((pk, document, index, 1, 1, index * 9, index * 9 + 9, "a text"))
        columns = "(model_id, owner_id, document_id, chunk_id, vector)"
        with cursor.copy(f"COPY rag_embedding {columns} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "int4", "uuid", "int8", "vector"])
            for pk, document, owner, _ in chunks:
                copy.write_row((self.model.pk, owner, document, pk, self.around(pk % PARAGRAPHS)))
        cursor.execute("CREATE TEMPORARY TABLE words (place int, term text, times int, length int)")
        with cursor.copy("COPY words FROM STDIN") as copy:
            for place, found in enumerate(counted):
                for term, times in found.items():
                    copy.write_row((place, term, times, found.total()))
        cursor.execute(_POSTINGS, [PARAGRAPHS])

    def ask(self) -> None:
        from rag.limits import Limits
        from rag.nearest import _search, nearest
        from rag.retrieve import rank
        from rag.scope import corpus_of, scope_of

        chosen = random.Random(2)
        spent: dict[str, list[float]] = {"all of one's own": [], "ten documents": []}
        recalls = []
        for number in range(ASKED + 20):
            owner = self.owners[number % OWNERS]
            place = chosen.randrange(PARAGRAPHS)
            words = self.texts[place].split()
            start = chosen.randrange(max(1, len(words) - 8))
            question, vector = " ".join(words[start : start + 8]), self.around(place)
            own = [pk for pk, whose in self.documents if whose == owner]
            name = "ten documents" if number % 2 else "all of one's own"
            limits = Limits(tuple(chosen.sample(own, 10))) if number % 2 else Limits()
            began = time.perf_counter()
            rank(scope_of(owner, limits), question, vector, self.model)
            if number >= 20:  # warm
                spent[name].append((time.perf_counter() - began) * 1000)
            scope = scope_of(owner, limits)
            found = nearest(scope, corpus_of(scope), vector, self.model, 100)[:10]
            exact = _search(scope, vector, self.model, 10, is_exact=True)
            recalls.append(len(set(found) & set(exact)) / max(1, len(exact)))
        most, least = (60, 0.95) if self.chunks > 500_000 else (25, 0.97)
        for name, times in spent.items():
            p50 = statistics.median(times)
            print(f"search among {name}: p50 {p50:.1f} ms")
            at_most(f"p95 among {name}", float(np.percentile(times, 95)), most, " ms")
        at_least("recall@10 of exact", statistics.mean(recalls), least)


class Asker:
    """One tab of a person; when the stages of their questions came."""

    def __init__(self, stack: LiveStack) -> None:
        self.client = stack.client("ann")
        self.line = Listener(stack.client("ann")).resumed()
        self.seen: dict[str, dict[str, float]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for frame in self.line.for_ever():
            if query := frame.get("queryId"):
                stage = frame.get("stage") or "first text"
                if frame.get("message", "").startswith("Found"):
                    stage = "first passage"
                self.seen.setdefault(query, {}).setdefault(stage, time.perf_counter())

    def ask(self) -> tuple[str, float]:
        began = time.perf_counter()
        answer = self.client.post("/api/rag/queries", json={"question": QUESTION})
        return answer.raise_for_status().json()["queryId"], began

    def ended(self, query: str) -> dict[str, float]:
        return (
            until(
                lambda: self.seen.get(query) if self._is_over(query) else None,
                within=120,
                every=0.005,
            )
            or {}
        )

    def _is_over(self, query: str) -> bool:
        return bool({"COMPLETE", "FAILED"} & self.seen.get(query, {}).keys())


def questions(stack: LiveStack) -> None:
    with stack.client("ann") as client:
        files = {"file": ("facts.txt", TEXT.encode(), "text/plain")}
        client.post("/api/documents", files=files).raise_for_status()
        until(lambda: client.get("/api/documents").json()["documents"][0]["status"] == "READY")
    asker = Asker(stack)
    came: dict[str, list[float]] = {}
    for number in range(22):
        query, began = asker.ask()
        for stage, at in asker.ended(query).items():
            if number >= 2:  # warm
                came.setdefault(stage, []).append((at - began) * 1000)
    for stage, most in (("STARTED", 100.0), ("first passage", 300.0)):
        at_most(f"question to {stage} at a socket, median", statistics.median(came[stage]), most)
    print(f"  to the first text: median {statistics.median(came['first text']):.0f} ms")
    single = statistics.median(came["COMPLETE"])
    asked = [asker.ask() for _ in range(20)]
    times = [(asker.ended(query), began) for query, began in asked]
    failed = sum("FAILED" in seen for seen, _ in times)
    at_most("of 20 questions at once, failed", failed, 0)
    spent = [(seen["COMPLETE"] - began) * 1000 for seen, began in times if "COMPLETE" in seen]
    at_most("their p95", float(np.percentile(spent, 95)), 20 * single, " ms")


def main() -> None:
    chunks = int(sys.argv[1]) if sys.argv[1:] else 100_000
    with tempfile.TemporaryDirectory() as folder:
        stack = LiveStack(Path(folder) / "var")
        try:
            os.environ |= stack.running()["environment"] | {"DATA_DIR": str(stack.folder)}
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
            import django

            django.setup()
            from rag.own_schema import own_schema

            stack.make_users()
            questions(stack)
            with own_schema():
                filled = Filled(chunks)
                filled.fill()
                filled.ask()
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
