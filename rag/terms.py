"""The terms that texts are compared by: stems of words, pairs of characters where words run on."""

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer

MOST_LENGTH = 64
_STOP_WORDS = (
    "a about after all also an and any are as at be because been before being but by can could did "
    "do does doing for from had has have he her him his how i if in into is it its just me my no "
    "nor not of on or our out over she should so some such than that the their them then there "
    "these they this those through to too under up very was we were what when where which while "
    "who whom whose why will with would you your"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_stemmer = snowballstemmer.stemmer("english")
_lock = threading.Lock()  # a stemmer keeps the word it works on


def terms(text: str) -> list[str]:
    """The terms of a text in order, repeated as they repeat; stop words are left out."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if "\u3040" <= word[0] <= "\ud7af":
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        elif word not in STOP_WORDS:
            found.append(_stem(word)[:MOST_LENGTH])
    return found


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    with _lock:
        return str(_stemmer.stemWord(word))
