"""Who answers: the passages themselves, sentence by sentence, or a language model over them."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from rag.citations import without_citations
from rag.embedder import Embedder
from rag.in_use import current
from rag.language import language_of
from rag.passages import Passage
from rag.sentences import sentences
from rag.terms import terms

NOTHING_FOUND = "I found nothing in your documents that answers this."
EXTRACTIVE = "extractive"
COSINE_SHARE = 0.4
REFERRED = 0.5  # what a word in the sentence before counts
QUOTES = 2
FEWEST_WORDS = 4  # fewer is a heading


class Answerer(Protocol):
    """`name` is kept with the answer."""

    @property
    def name(self) -> str: ...

    def answer(
        self, question: str, passages: list[Passage], check: Callable[[], None]
    ) -> Iterator[str]:
        """The answer in pieces, citing passages by rank as `[1]`; `check` may raise at any time."""
        ...

    def doubts(self, answer: str, passages: list[Passage]) -> dict[str, Any]:
        """What of the finished answer may be wrong: `invented`, the citations that were taken away,
        and `unsupported`, the sentences that no passage bears out."""
        ...


class Quote(NamedTuple):
    """A sentence of a passage and how well it answers, from 0 to 1."""

    score: float
    text: str
    rank: int


class Extractive:
    """Quotes the sentences that answer best, or says that there is none."""

    name = EXTRACTIVE

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def answer(
        self, question: str, passages: list[Passage], check: Callable[[], None]
    ) -> Iterator[str]:
        best = [
            quote
            for quote in self.quotes(question, passages, check)
            if quote.score >= settings.ANSWER_THRESHOLD
        ]
        if not best:
            yield NOTHING_FOUND
        for place, quote in enumerate(best[:QUOTES]):
            yield ("\n\n" if place else "") + f"{quote.text} [{quote.rank}]"

    def doubts(self, answer: str, passages: list[Passage]) -> dict[str, Any]:
        return {}  # a quote stands in its passage

    def quotes(
        self, question: str, passages: list[Passage], check: Callable[[], None]
    ) -> list[Quote]:
        """All candidate sentences, the best first, each once."""
        candidates: dict[str, Candidate] = {}
        for passage in passages:
            before = ""
            for text in _sentences(passage.text):
                candidates.setdefault(text, Candidate(passage.rank, before))
                before = text
        if not candidates:
            return []
        language = language_of(" ".join(passage.text for passage in passages))
        asked = set(terms(question, language))
        rows = self._embedder.embed_passages(list(candidates), lambda _done: check())
        cosines = rows @ self._embedder.embed_question(question)
        quotes = [
            Quote(
                COSINE_SHARE * float(cosine)
                + (1 - COSINE_SHARE) * _share(asked, text, candidate.before, language),
                text,
                candidate.rank,
            )
            for (text, candidate), cosine in zip(candidates.items(), cosines, strict=True)
        ]
        return sorted(quotes, key=lambda quote: (-quote.score, quote.rank))


class Candidate(NamedTuple):
    """Where a sentence stands: its passage's rank, and the sentence before it."""

    rank: int
    before: str


def _sentences(text: str) -> Iterator[str]:
    """The statements in a text, on one line each."""
    for start, end in sentences(text):
        sentence = " ".join(without_citations(text[start:end]).split())
        short = len(sentence.split()) < FEWEST_WORDS and len(terms(sentence)) < FEWEST_WORDS
        if not short and not sentence.endswith(("?", "？")):
            yield sentence


def _share(asked: set[str], sentence: str, before: str, language: str) -> float:
    """How much of what was asked is in the sentence; and, where some is, in the one before it,
    which it may refer to: "It was built in 1872." """
    own = asked.intersection(terms(sentence, language))
    if not own:
        return 0.0
    referred = asked.intersection(terms(before, language)) - own
    return (len(own) + REFERRED * len(referred)) / len(asked)


def get_answerer(on_retry: Callable[[str], None]) -> Answerer:
    """The language model as soon as the settings name a server, else quotes.

    By its path, as Django loads its back ends: the client library is large, and the default needs
    none of it.
    """
    if settings.LLM_BASE_URL:
        answerer: Answerer = import_string("rag.written.Written")(on_retry)
        return answerer
    return Extractive(current())
