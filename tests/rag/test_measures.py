"""Measures against values worked out by hand."""

import math

import pytest

from rag.measures import mean_measures, ndcg, recall, reciprocal_rank

GRADES = {"a": 3, "b": 1, "c": 0, "d": -1}


def test_the_best_order_gains_one_and_a_worse_one_less() -> None:
    assert ndcg(["a", "b"], GRADES) == 1
    ideal = 3 + 1 / math.log2(3)
    assert ndcg(["d", "b", "a"], GRADES) == pytest.approx((1 / math.log2(3) + 3 / 2) / ideal)
    assert ndcg(["x"] * 10 + ["a"], GRADES) == 0
    assert ndcg([], {}) == 0


def test_recall_and_reciprocal_rank_count_what_is_relevant() -> None:
    assert recall(["c", "b"], GRADES, 10) == 0.5
    assert recall(["c", "a", "b"], GRADES, 2) == 0.5
    assert reciprocal_rank(["c", "d", "b"], GRADES) == pytest.approx(1 / 3)
    assert reciprocal_rank(["c"] * 10 + ["a"], GRADES) == 0


def test_a_question_without_a_ranking_counts_as_nothing_found() -> None:
    means = mean_measures({"q": ["a", "b"]}, {"q": GRADES, "other": GRADES})
    assert means == {"nDCG@10": 0.5, "Recall@10": 0.5, "Recall@100": 0.5, "MRR@10": 0.5}
