"""What the product's retrieval is held against: a bare embedder and a bare BM25, over whole
documents, exact, in memory."""

import math
from collections import Counter, defaultdict

import numpy as np

from rag.embedder import Check, Embedder, Vectors, ignore
from rag.language import language_of
from rag.lexical import K1, B
from rag.terms import terms

DEPTH = 100


class BareEmbedder:
    """The cosine of whole documents, as much of them as the model reads."""

    def __init__(
        self, documents: dict[str, str], embedder: Embedder, check: Check = ignore
    ) -> None:
        self._ids = list(documents)
        self._rows = embedder.embed_passages(list(documents.values()), check)

    def search(self, question: Vectors) -> list[str]:
        return [self._ids[at] for at in np.argsort(-(self._rows @ question), kind="stable")[:DEPTH]]


class BareBM25:
    """BM25 with the product's terms and constants."""

    def __init__(self, documents: dict[str, str]) -> None:
        self._language = language_of(" ".join([*documents.values()][:20]))
        counted = {key: Counter(terms(text, self._language)) for key, text in documents.items()}
        lengths = {key: found.total() for key, found in counted.items()}
        mean = max(1.0, sum(lengths.values()) / max(1, len(lengths)))
        self._weights: dict[str, dict[str, float]] = defaultdict(dict)
        frequency = Counter(term for found in counted.values() for term in found)
        for key, found in counted.items():
            norm = K1 * (1 - B + B * lengths[key] / mean)
            for term, count in found.items():
                weight = math.log(
                    1 + (len(counted) - frequency[term] + 0.5) / (frequency[term] + 0.5)
                )
                self._weights[term][key] = weight * count * (K1 + 1) / (count + norm)

    def search(self, question: str) -> list[str]:
        scores: dict[str, float] = defaultdict(float)
        for term in dict.fromkeys(terms(question, self._language)):
            for key, weight in self._weights.get(term, {}).items():
                scores[key] += weight
        return sorted(scores, key=lambda key: (-scores[key], key))[:DEPTH]
