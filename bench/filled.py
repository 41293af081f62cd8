"""An index that is filled at once, as large as wanted: vectors around those of real paragraphs, and
the paragraphs' own terms, for eight owners."""

import pydoc_data.topics
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil

OWNERS, DOCUMENTS, PARAGRAPHS = 8, 50, 400  # documents of each owner
NOISE = 0.7  # length of what is added to a real vector of length 1
AT_ONCE = 1000  # chunks, as many as the product indexes at once
BUILD_MEMORY = "3GB"
_CHUNKS = (
    'COPY documents_chunk (id, document_id, index, page, page_to, start, "end", text) FROM STDIN'
)
_VECTORS = (
    "COPY rag_embedding (model_id, owner_id, document_id, chunk_id, vector) FROM STDIN BINARY"
)
_POSTINGS = (
    "COPY rag_posting (owner_id, document_id, term, chunks, frequencies, lengths) FROM STDIN"
)


def paragraphs() -> list[str]:
    texts = "\n\n".join(pydoc_data.topics.topics.values()).split("\n\n")
    real = [" ".join(text.split()) for text in texts if 150 < len(text) < 1500]
    return random.Random(1).sample(real, PARAGRAPHS)


class Filled:
    """The tables with so many chunks; and what can be asked of them. The database's superuser."""

    def __init__(self, chunks: int) -> None:
        from rag.embedder import get_embedder

        self.each = chunks // (OWNERS * DOCUMENTS)
        self.random = np.random.default_rng(1)
        self.texts = paragraphs()
        self.embedder = get_embedder()
        self.real = self.embedder.embed_passages(self.texts)

    def around(self, places: list[int]) -> Any:
        """A unit vector near each of those paragraphs."""
        noise = self.random.standard_normal((len(places), self.real.shape[1]), dtype=np.float32)
        noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
        rows = self.real[places] + noise
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def fill(self) -> None:
        from django.contrib.auth.models import User
        from django.db import connection

        from rag.index import hnsw, model_row

        people = [User.objects.create_user(f"owner {number}") for number in range(OWNERS)]
        self.owners = [person.pk for person in people]
        self.model = model_row(self.embedder)
        self.documents = [self._document(place) for place in range(OWNERS * DOCUMENTS)]
        index = f"embedding_hnsw_{self.model.pk}"
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX {index}")
            cursor.execute("SET session_replication_role = replica")  # no foreign keys are checked
            with told(f"{self.each * len(self.documents):,} chunks written"):
                self._copy(cursor)
            cursor.execute("RESET session_replication_role")
            cursor.execute(f"SET maintenance_work_mem = '{BUILD_MEMORY}'")
            with told("HNSW built"):
                cursor.execute(hnsw(self.model))
            with told("vacuumed, as PostgreSQL does by itself in time"):
                cursor.execute("VACUUM ANALYZE")
            for name in (index, "rag_embedding", "rag_posting", "posting_by_term"):
                cursor.execute("SELECT pg_size_pretty(pg_relation_size(%s))", [name])
                print(f"  {name}: {cursor.fetchone()[0]}")

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
        Indexed.objects.create(
            document=made, owner_id=owner, language="en", chunks=self.each, terms=self.each * 20
        )
        return made.pk, owner

    def _parts(self) -> Iterator[tuple[Any, int, range]]:
        """Documents, their owners, and the numbers of some of their chunks."""
        for place, (document, owner) in enumerate(self.documents):
            first, end = place * self.each + 1, (place + 1) * self.each + 1
            for begin in range(first, end, AT_ONCE):
                yield document, owner, range(begin, min(begin + AT_ONCE, end))

    def _copy(self, cursor: Any) -> None:
        from rag.lexical import rows
        from rag.terms import terms

        with cursor.copy(_CHUNKS) as copy:
            for document, _, chunks in self._parts():
                lines = (f"{pk}\t{document}\t{pk}\t1\t1\t0\t9\ta text\n" for pk in chunks)
                copy.write("".join(lines))
        with cursor.copy(_VECTORS) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for part in self._parts():
                copy.write(self._vectors(*part))
            copy.write(b"\xff\xff")
        counted = [Counter(terms(text)) for text in self.texts]
        with cursor.copy(_POSTINGS) as copy:
            for document, owner, chunks in self._parts():
                found = rows([(pk, counted[pk % PARAGRAPHS]) for pk in chunks])
                lines = ("\t".join((str(owner), str(document), *row)) + "\n" for row in found)
                copy.write("".join(lines))

    def _vectors(self, document: Any, owner: int, chunks: range) -> bytes:
        """As COPY reads them: for each value its length, then itself."""
        width = self.real.shape[1]
        kind = [
            ("values", ">i2"), ("1", ">i4"), ("model", ">i8"), ("2", ">i4"), ("owner", ">i4"),
            ("3", ">i4"), ("document", "V16"), ("4", ">i4"), ("chunk", ">i8"), ("5", ">i4"),
            ("width", ">i2"), ("unused", ">i2"), ("vector", ">f4", (width,)),
        ]  # fmt: skip
        table = np.zeros(len(chunks), kind)
        sizes = {"values": 5, "1": 8, "2": 4, "3": 16, "4": 8, "5": 4 + 4 * width, "width": width}
        for name, value in sizes.items():
            table[name] = value
        table["model"], table["owner"], table["chunk"] = self.model.pk, owner, list(chunks)
        table["document"] = np.void(document.bytes)
        table["vector"] = self.around([pk % PARAGRAPHS for pk in chunks])
        return table.tobytes()


@contextmanager
def told(what: str) -> Iterator[None]:
    """Says how long it took, and how much less memory the machine had meanwhile."""
    free = [psutil.virtual_memory().available]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            free.append(psutil.virtual_memory().available)

    thread = threading.Thread(target=watch)
    thread.start()
    began = time.perf_counter()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    spent, most = time.perf_counter() - began, (free[0] - min(free)) / 1024**3
    print(f"{what} in {spent:.0f} s, with {most:.1f} GiB of memory", flush=True)
