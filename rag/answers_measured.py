"""Answers measured on questions whose answers are known: do they hold the gold text, does the first
citation lead to a passage that holds it, and is it said when there is none?"""

import re
from dataclasses import dataclass

from django.conf import settings

from rag.answer import NOTHING_FOUND, Extractive
from rag.datasets import Dataset
from rag.evaluate import Say, Shelf
from rag.retrieve import find
from rag.scope import scope_of

_CITED = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True)
class Answered:
    """One question: whether the documents answer it, the best score, and what came of it."""

    has_answer: bool
    score: float
    is_right: bool
    is_cited_right: bool
    is_silent: bool


def measure(shelf: Shelf, dataset: Dataset, say: Say) -> dict[str, float]:
    """Shares of questions, from 0 to 1, and the threshold that would separate best."""
    rows = []
    for done, (key, gold) in enumerate(dataset.answers.items(), 1):
        rows.append(_answered(shelf, dataset.questions[key], gold))
        say("Answering", done, len(dataset.answers))
    return summary(rows)


def summary(rows: list[Answered]) -> dict[str, float]:
    known = [row for row in rows if row.has_answer]
    unknown = [row for row in rows if not row.has_answer]
    told = [row for row in rows if not row.is_silent]
    figures = {
        "answers with the gold text": _share([row.is_right for row in known]),
        "first citation right": _share([row.is_cited_right for row in known]),
        "right, of what is answered": _share([row.is_right for row in told]),
    }
    if unknown:
        figures |= {"silent where nothing answers": _share([row.is_silent for row in unknown])}
        figures |= {"threshold that separates best": best_threshold(rows)}
    return figures | {"threshold": settings.ANSWER_THRESHOLD}


def _answered(shelf: Shelf, question: str, gold: list[str]) -> Answered:
    vector = shelf.embedder.embed_question(question)
    passages = find(scope_of(shelf.owner.pk), question, vector, shelf.embedder).passages
    extractive = Extractive(shelf.embedder)
    quotes = extractive.quotes(question, passages, lambda: None)
    answer = "".join(extractive.answer(question, passages, lambda: None))
    cited = _CITED.search(answer)
    first = next((p.text for p in passages if cited and p.rank == int(cited[1])), "")
    return Answered(
        has_answer=bool(gold),
        score=quotes[0].score if quotes else 0.0,
        is_right=_holds(answer, gold),
        is_cited_right=_holds(first, gold),
        is_silent=answer == NOTHING_FOUND,
    )


def _holds(text: str, gold: list[str]) -> bool:
    flat = _flat(text)
    return any(_flat(answer) in flat for answer in gold)


def _flat(text: str) -> str:
    return " ".join(text.lower().split())


def best_threshold(rows: list[Answered]) -> float:
    """The score above which an answer is given, so that the shares of answerable questions that are
    answered and of others that are not are greatest together."""

    def gain(threshold: float) -> float:
        kept = _share([row.score >= threshold for row in rows if row.has_answer])
        silent = _share([row.score < threshold for row in rows if not row.has_answer])
        return kept + silent

    return max((step / 100 for step in range(101)), key=gain)


def _share(found: list[bool]) -> float:
    return round(sum(found) / max(1, len(found)), 4)
