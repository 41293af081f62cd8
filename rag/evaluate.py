"""Retrieval measured on a data set: the product's own code beside its peers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from documents.chunk import chunk
from documents.models import Chunk, Document, Page
from rag.datasets import Dataset
from rag.embedder import Embedder
from rag.index import index_chunks, model_row
from rag.measures import mean_measures
from rag.models import EmbeddingModel
from rag.peers import BareBM25, BareEmbedder
from rag.retrieve import rank
from rag.scope import scope_of
from realtime.models import Job, Status
from realtime.work import SilentReport

DEPTH = 100
LEXICAL, DENSE, FUSED, RERANKED = "lexical", "dense", "fused", "reranked"
BARE_BM25, BARE_EMBEDDER = "bare BM25", "bare embedder"
Say = Callable[[str, int, int], None]  # what, how many are done, of how many
Rankings = dict[str, dict[str, list[str]]]  # by search, then by question


class Shelf:
    """A data set's documents as the product keeps them: cut, embedded and indexed."""

    model: EmbeddingModel

    def __init__(self, owner: User, embedder: Embedder) -> None:
        self.owner = owner
        self.embedder = embedder
        self._names: dict[int, str] = {}  # of the data set's documents, by chunk

    def add(self, dataset: Dataset, say: Say) -> None:
        report = SilentReport()
        self.model = model_row(self.embedder)
        for done, (name, text) in enumerate(dataset.documents.items(), 1):
            with transaction.atomic():
                document = self._document(name, text)
                index_chunks(document, self.embedder, report)
            say("Indexing", done, len(dataset.documents))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    def _document(self, name: str, text: str) -> Document:
        now = timezone.now()
        document = Document(owner=self.owner, name=name[:255], size=len(text), sha256="")
        document.job = Job.objects.create(
            owner=self.owner,
            kind="documents.process",
            subject=document.pk,
            status=Status.DONE,
            queued_at=now,
        )
        document.save(force_insert=True)
        Page.objects.create(document=document, number=1, start=0, text=text)
        rows = Chunk.objects.bulk_create(
            Chunk(
                document=document, index=index, page=1, page_to=1,
                start=start, end=end, text=text[start:end],
            )
            for index, (start, end) in enumerate(chunk(text))
        )  # fmt: skip
        self._names |= {row.pk: name for row in rows}
        return document

    def named(self, chunks: list[int]) -> list[str]:
        """The documents of chunks, each once, where its best chunk stands."""
        return list(dict.fromkeys(self._names[pk] for pk in chunks))[:DEPTH]


class Clock:
    """Milliseconds a question, by search."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.add(name, (time.perf_counter() - began) * 1000)

    def add(self, name: str, milliseconds: float) -> None:
        self.spent.setdefault(name, []).append(milliseconds)

    def mean(self, name: str) -> float:
        spent = self.spent.get(name, [])
        return sum(spent) / max(1, len(spent))


def measure(shelf: Shelf, dataset: Dataset, say: Say) -> dict[str, dict[str, float]]:
    """The means by search, with its `ms` a question; embedding the question is not in them."""
    say("Peers", 0, 1)
    bm25 = BareBM25(dataset.documents)
    bare = BareEmbedder(
        dataset.documents, shelf.embedder, lambda done: say("Peers", done, len(dataset.documents))
    )
    rankings: Rankings = {}
    clock = Clock()
    for done, key in enumerate(dataset.judged, 1):
        question = dataset.questions[key]
        with clock.timed("embedding"):
            vector = shelf.embedder.embed_question(question)
        with clock.timed(BARE_BM25):
            rankings.setdefault(BARE_BM25, {})[key] = bm25.search(question)
        with clock.timed(BARE_EMBEDDER):
            rankings.setdefault(BARE_EMBEDDER, {})[key] = bare.search(vector)
        search = rank(
            scope_of(shelf.owner.pk), question, vector, shelf.model, shelf.embedder.languages
        )
        for name, chunks in search.rankings.items():
            rankings.setdefault(name, {})[key] = shelf.named(chunks)
        _add_times(clock, search.milliseconds)
        say("Asking", done, len(dataset.judged))
    return {
        name: mean_measures(found, dataset.judged) | {"ms": clock.mean(name)}
        for name, found in rankings.items()
    }


def _add_times(clock: Clock, spent: dict[str, float]) -> None:
    """What is fused needs what went before it."""
    before = spent.get(LEXICAL, 0) + spent.get(DENSE, 0)
    for name, milliseconds in spent.items():
        if name in (FUSED, RERANKED):
            milliseconds = before = before + milliseconds
        clock.add(name, milliseconds)


def verdicts(figures: dict[str, dict[str, float]]) -> list[tuple[str, float, float]]:
    """What must hold on every data set: words, the figure, and the least that it may be."""
    peers = max(figures[name]["nDCG@10"] for name in (BARE_BM25, BARE_EMBEDDER))
    return [
        ("fused, against the better peer", figures[FUSED]["nDCG@10"], peers),
        (
            "dense in the index, against the bare embedder less 0.01",
            figures[DENSE]["nDCG@10"],
            figures[BARE_EMBEDDER]["nDCG@10"] - 0.01,
        ),
    ]
