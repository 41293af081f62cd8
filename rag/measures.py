"""How good a ranking is: the measures of information retrieval, each from 0 to 1."""

import math
from collections.abc import Mapping, Sequence

Grades = Mapping[str, int]  # by document; above 0 is relevant


def ndcg(ranking: Sequence[str], grades: Grades, depth: int = 10) -> float:
    """Normalised discounted cumulative gain: the gain of a document is its grade."""
    best = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    ideal = _discounted(best[:depth])
    found = _discounted([max(0, grades.get(document, 0)) for document in ranking[:depth]])
    return found / ideal if ideal else 0.0


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def recall(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    """The share of the relevant documents that are among the first."""
    relevant = {document for document, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades, depth: int = 10) -> float:
    """One through the place of the first relevant document."""
    for place, document in enumerate(ranking[:depth], 1):
        if grades.get(document, 0) > 0:
            return 1 / place
    return 0.0


def mean_measures(
    rankings: Mapping[str, Sequence[str]], judged: Mapping[str, Grades]
) -> dict[str, float]:
    """The means over all judged questions; one without a ranking counts as 0."""
    pairs = [(rankings.get(question, ()), grades) for question, grades in judged.items()]
    count = max(1, len(pairs))
    return {
        "nDCG@10": sum(ndcg(*pair) for pair in pairs) / count,
        "Recall@10": sum(recall(*pair, 10) for pair in pairs) / count,
        "Recall@100": sum(recall(*pair, 100) for pair in pairs) / count,
        "MRR@10": sum(reciprocal_rank(*pair) for pair in pairs) / count,
    }
