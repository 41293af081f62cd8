"""The terms that texts are compared by: stems of words, pairs of characters where words run on."""

import re
import threading
import unicodedata
from functools import cache, lru_cache
from typing import Any

import snowballstemmer

from rag.language import ENGLISH, STOP_WORDS

MOST_LENGTH = 64
_ENGLISH_STOP_WORDS = (
    "a about after all also an and any are as at be because been before being but by can could did "
    "do does doing for from had has have he her him his how i if in into is it its just me my no "
    "nor not of on or our out over she should so some such than that the their them then there "
    "these they this those through to too under up very was we were what when where which while "
    "who whom whose why will with would you your"
)
_STOP_WORDS = STOP_WORDS | {ENGLISH: frozenset(_ENGLISH_STOP_WORDS.split())}
_STEMMERS = {
    ENGLISH: "english",
    "de": "german",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "nl": "dutch",
    "pt": "portuguese",
    "ru": "russian",
}
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_lock = threading.Lock()  # a stemmer keeps the word it works on


def terms(text: str, language: str = ENGLISH) -> list[str]:
    """The terms of a text in order, repeated as they repeat; stop words are left out.

    `language` is that of the text; in one that is not known, words are taken for English.
    """
    language = language if language in _STEMMERS else ENGLISH
    stop_words = _STOP_WORDS.get(language, frozenset())
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if "\u3040" <= word[0] <= "\ud7af":
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        elif word not in stop_words:
            found.append(_stem(word, language)[:MOST_LENGTH])
    return found


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str:
    with _lock:
        return str(_stemmer(language).stemWord(word))


@cache
def _stemmer(language: str) -> Any:
    return snowballstemmer.stemmer(_STEMMERS[language])
