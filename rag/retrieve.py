"""The passages that fit a question: by meaning and by words, fused by rank."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from documents.models import Chunk
from rag import lexical
from rag.embedder import Embedder, Vectors
from rag.language import language_of
from rag.limits import ALL as EVERYTHING
from rag.limits import Limits
from rag.models import EmbeddingModel
from rag.nearest import cosines, nearest
from rag.parts import ALL, Parts
from rag.passages import Passage, passages_of, pick
from rag.rerank import NotReranked, Reranker, get_reranker
from rag.scope import Corpus, Scope, corpus_of, scope_of

__all__ = ["Passage", "Search", "find", "fuse", "rank", "retrieve"]

CANDIDATES = 100  # of each kind
RERANKED = 30
RRF_K = 60
# What a model makes of a language that it does not know counts little beside the words themselves:
# nearly nothing but the order of what the words leave equal.
FOREIGN_WEIGHT = 0.1


@dataclass
class Search:
    """What each part found, as ids of chunks, the best first; milliseconds and words beside it."""

    scope: Scope
    corpus: Corpus
    rankings: dict[str, list[int]] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.milliseconds[part] = round((time.perf_counter() - began) * 1000, 1)

    @property
    def best(self) -> list[int]:
        return self.rankings["reranked" if "reranked" in self.rankings else "fused"]


@dataclass
class Found:
    """Passages, and how they came about: JSON for whoever wants to see it."""

    passages: list[Passage]
    trace: dict[str, Any]


def retrieve(
    owner_id: int,
    question: str,
    vector: Vectors,
    embedder: Embedder,
    *,
    top_k: int = 5,
    limits: Limits = EVERYTHING,
) -> list[Passage]:
    """The `top_k` best passages of the owner's finished documents, or of those within limits."""
    return find(scope_of(owner_id, limits), question, vector, embedder, top_k=top_k).passages


def find(
    scope: Scope,
    question: str,
    vector: Vectors | None,
    embedder: Embedder,
    *,
    top_k: int = 5,
    parts: Parts = ALL,
) -> Found:
    """The best passages, and the trace of their finding. Without a vector nothing is found by
    meaning."""
    model = EmbeddingModel.objects.filter(name=embedder.name).first()
    search = rank(scope, question, vector, model, embedder.languages, parts)
    picked = pick(search.best, top_k, join=parts.join, distinct=parts.distinct)
    chunks = [chunk.pk for group in picked.groups for chunk in group.chunks]
    scores = cosines(chunks, vector, model) if model and vector is not None else {}
    trace = {
        "parts": asdict(parts),
        "chunks": search.corpus.chunks,
        "languages": list(search.corpus.languages),
        "steps": [
            {
                "name": name,
                "found": len(ranking),
                "ms": search.milliseconds.get(name, 0),
                "weight": search.weights.get(name, 1),
            }
            for name, ranking in search.rankings.items()
        ],
        "joined": picked.joined,
        "alike": picked.alike,
        "notes": search.notes,
        "places": [
            _places(search, [chunk.pk for chunk in group.chunks]) for group in picked.groups
        ],
    }
    return Found(passages_of(picked.groups, scores), trace)


def rank(
    scope: Scope,
    question: str,
    vector: Vectors | None,
    model: EmbeddingModel | None,
    languages: frozenset[str] | None = None,
    parts: Parts = ALL,
) -> Search:
    """Chunks by each part and by all together. `languages` are those that the model knows; None
    stands for all."""
    search = Search(scope, corpus_of(scope))
    if parts.lexical:
        with search.timed("lexical"):
            ranking = lexical.search(scope, search.corpus, question, CANDIDATES)
            search.rankings["lexical"] = ranking
    if parts.dense and model is not None and vector is not None:
        with search.timed("dense"):
            ranking = nearest(scope, search.corpus, vector, model, CANDIDATES)
            search.rankings["dense"] = ranking
        default = search.corpus.languages[0] if search.corpus.languages else "en"
        if languages is not None and language_of(question, default) not in languages:
            search.weights["dense"] = FOREIGN_WEIGHT
    with search.timed("fused"):
        weighted = [
            (ranking, search.weights.get(name, 1.0)) for name, ranking in search.rankings.items()
        ]
        search.rankings["fused"] = fuse(weighted)
    if parts.rerank and (reranker := get_reranker()):
        _rerank(search, question, reranker)
    return search


def _rerank(search: Search, question: str, reranker: Reranker) -> None:
    fused = search.rankings["fused"]
    chunks = Chunk.objects.in_bulk(fused[:RERANKED])
    first = [pk for pk in fused[:RERANKED] if pk in chunks]
    if not first:
        return
    try:
        with search.timed("reranked"):
            scores = reranker.scores(question, [chunks[pk].text for pk in first])
    except NotReranked as error:
        search.notes.append(str(error))
        return
    by_score = dict(zip(first, scores, strict=True))
    search.rankings["reranked"] = sorted(first, key=lambda pk: -by_score[pk]) + fused[RERANKED:]


def fuse(rankings: Sequence[tuple[Sequence[int], float]]) -> list[int]:
    """Reciprocal rank fusion of rankings with their weights: all their ids, the best first."""
    scores: dict[int, float] = {}
    for ranking, weight in rankings:
        for place, pk in enumerate(ranking, 1):
            scores[pk] = scores.get(pk, 0.0) + weight / (RRF_K + place)
    return sorted(scores, key=lambda pk: (-scores[pk], pk))


def _places(search: Search, chunks: list[int]) -> dict[str, int]:
    """The best place of a passage's chunks in each ranking that holds one, from 1."""
    return {
        name: min(ranking.index(pk) for pk in chunks if pk in ranking) + 1
        for name, ranking in search.rankings.items()
        if any(pk in ranking for pk in chunks)
    }
