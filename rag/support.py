"""Is a written answer borne out by its passages? Sentence by sentence, as far as words and meaning
tell it."""

import re
from collections.abc import Sequence

from rag.citations import without_citations
from rag.embedder import Embedder
from rag.passages import Passage
from rag.sentences import sentences
from rag.terms import terms

SAME_WORDS = 0.5  # the share of a sentence's terms that stand in the passages
SAME_MEANING = 0.6  # the cosine to a sentence of theirs
FEWEST_TERMS = 3  # fewer say nothing that could be wrong
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_RANK = re.compile(r"\[(\d+)\]")


def unsupported(answer: str, passages: Sequence[Passage], embedder: Embedder) -> list[str]:
    """The sentences that hold a number which is in none of the passages they cite (in none at all,
    where they cite none), or whose words and meaning are not there."""
    texts = {passage.rank: passage.text for passage in passages}
    found = []
    for start, end in sentences(answer):
        sentence = answer[start:end]
        plain = without_citations(sentence)
        cited = [texts[rank] for rank in _ranks(answer, start, end) if rank in texts]
        if len(terms(plain)) >= FEWEST_TERMS and not _is_borne_out(
            plain, cited or list(texts.values()), embedder
        ):
            found.append(" ".join(plain.split()))
    return found


def _ranks(answer: str, start: int, end: int) -> set[int]:
    """The citations in a sentence, and those that follow its full stop."""
    following = re.match(r"(?:\s*\[\d+\])*", answer[end:])
    return {int(rank) for rank in _RANK.findall(answer[start:end] + (following or [""])[0])}


def _is_borne_out(sentence: str, texts: Sequence[str], embedder: Embedder) -> bool:
    whole = " ".join(texts)
    if not set(_numbers(sentence)) <= set(_numbers(whole)):
        return False
    said = set(terms(sentence))
    if len(said & set(terms(whole))) >= SAME_WORDS * len(said):
        return True
    parts = [text[start:end] for text in texts for start, end in sentences(text)]
    rows = embedder.embed_passages([sentence, *parts])
    return bool(parts) and float((rows[1:] @ rows[0]).max()) >= SAME_MEANING


def _numbers(text: str) -> list[str]:
    return [re.sub("[.,]", "", number) for number in _NUMBER.findall(text)]
