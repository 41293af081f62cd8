"""In which language a text is, as far as its words have to be treated differently."""

import re

ENGLISH = "en"
# The short words that nearly every sentence of a language has, and the others have not.
_WORDS = {
    ENGLISH: (
        "the of and to in is that for it was as with be by on are this from which what "
        "how who when where does did"
    ),
    "de": (
        "der die das und ist nicht von zu den mit dem des ein eine einer auf für sich im "
        "auch als wie was wer wann wo wird wurde werden sind welche welcher welches"
    ),
    "es": (
        "el la los las de del que y en un una es por con para se no su al como más qué "
        "quién cuándo dónde cuál cuántos fue son está"
    ),
    "fr": (
        "le la les des du et est une dans que qui pour par sur pas avec au aux ce cette "
        "sont été quel quelle où comment combien"
    ),
    "it": (
        "il lo gli della di che è e un una per con non del dei nel sono come chi quando "
        "dove quale quanti più alla"
    ),
    "pt": (
        "o os as da do das dos que e em um uma para com não por se mais como foi são qual "
        "quem quando onde quantos"
    ),
    "nl": (
        "de het een en van is dat in op te met voor niet zijn door aan wie wat wanneer "
        "waar hoe werd worden"
    ),
}
STOP_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_LETTERS = re.compile(r"[^\W\d_]+")
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
LOOKED_AT = 5000  # characters of a text


def language_of(text: str, default: str = ENGLISH) -> str:
    """The code of the text's language; `default` when nothing tells it.

    Known are those whose words are stemmed, and the scripts whose words run on.
    """
    text = text[:LOOKED_AT].lower()
    letters = max(1, sum(character.isalpha() for character in text))
    for language, script in _SCRIPTS:
        # Kana are few among the Chinese characters of a Japanese text.
        if len(script.findall(text)) > letters * (0.1 if language == "ja" else 0.3):
            return language
    words = _LETTERS.findall(text)
    counts = {
        language: sum(word in short for word in words) for language, short in STOP_WORDS.items()
    }
    best = max(counts, key=lambda language: (counts[language], language == default))
    return best if counts[best] else default
