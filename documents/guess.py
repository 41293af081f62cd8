"""Which of the old encodings a text is in: the one that makes usual letters of its bytes."""

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache

from documents.letters import ALPHABETS, LATIN, SIGNS

SAMPLE = 16 * 1024  # bytes that an encoding is guessed from
LEAST = 0.3  # of a score, from which on it is a text
MOST_CONTROLS = 0.01  # of the bytes of a text may be control characters

_WRONG = -1.0
_RARER = 0.3
_RARE = {"Lo": 0.2, "Ll": -0.3, "Lu": -0.3, "Mn": 0.2}  # by category; of what is in no table
_MARKS = "“”‘’„‚«»–—…•·€£§°©®№\xa0、。，・「」『』《》（）！？：；～　،؟؛"
_MARK = 0.7
_SYMBOL = 0.3  # in a text that has letters beyond ASCII, too
_WITHIN_WORDS = "’·–—\xa0\xad×÷"  # marks that may have letters on both sides
_BEYOND = re.compile(r"[^\x00-\x7f]")
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\r\f\b\x1a\x1b"})
_WESTERN = (
    "French",
    "Spanish",
    "Portuguese",
    "German",
    "Dutch",
    "Italian",
    "Catalan",
    "Swedish",
    "Danish",
)
_CENTRAL = ("Polish", "Czech", "Slovak", "Hungarian", "Romanian", "Croatian")
_CYRILLIC = ("Russian", "Ukrainian", "Bulgarian")


@dataclass(frozen=True)
class Encoding:
    """`codec` is what Python calls it, `name` what people do; of a `rare` one it takes more."""

    codec: str
    name: str
    languages: tuple[str, ...] = ()
    rare: bool = False


# Of two that explain a text as well, the one that comes first is taken.
_ENCODINGS = (
    Encoding("cp1252", "Windows-1252", (*_WESTERN, "Icelandic", "Symbols")),
    Encoding("cp1250", "Windows-1250", _CENTRAL),
    Encoding("cp1251", "Windows-1251", _CYRILLIC),
    Encoding("cp1253", "Windows-1253", ("Greek",)),
    Encoding("cp1254", "Windows-1254", ("Turkish",)),
    Encoding("cp1255", "Windows-1255", ("Hebrew",)),
    Encoding("cp1256", "Windows-1256", ("Arabic",)),
    Encoding("iso8859_2", "ISO-8859-2", _CENTRAL),
    Encoding("iso8859_5", "ISO-8859-5", _CYRILLIC),
    Encoding("iso8859_6", "ISO-8859-6", ("Arabic",)),
    Encoding("iso8859_7", "ISO-8859-7", ("Greek",)),
    Encoding("iso8859_15", "ISO-8859-15", _WESTERN, rare=True),
    Encoding("koi8_r", "KOI8-R", _CYRILLIC),
    Encoding("koi8_u", "KOI8-U", _CYRILLIC),
    Encoding("cp850", "the MS-DOS code page 850", _WESTERN, rare=True),
    Encoding("cp852", "the MS-DOS code page 852", _CENTRAL, rare=True),
    Encoding("cp866", "the MS-DOS code page 866", _CYRILLIC, rare=True),
    Encoding("mac_roman", "Mac OS Roman", _WESTERN, rare=True),
    Encoding("cp932", "Shift-JIS", ("Japanese",)),
    Encoding("euc_jp", "EUC-JP", ("Japanese",)),
    Encoding("gb18030", "GB18030", ("Simplified",)),
    Encoding("big5hkscs", "Big5", ("Traditional",)),
    Encoding("cp949", "EUC-KR", ("Korean",)),
)
_UTF_16 = (Encoding("utf_16_le", "UTF-16"), Encoding("utf_16_be", "UTF-16"))
_ISO_2022_JP = Encoding("iso2022_jp", "ISO-2022-JP")
_SHIFTS = re.compile(rb"\x1b\$[@B]")


def guess(data: bytes) -> Encoding | None:
    """The encoding of a text that is in no UTF that it would say; None where it is no text."""
    if is_iso_2022_jp(data):
        return _ISO_2022_JP
    scores = {each: _score_utf_16(data, each.codec) for each in _UTF_16}
    sample = _lines_beyond_ascii(data)
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if b"\0" not in data and controls <= MOST_CONTROLS * len(sample):
        scores = {each: _score(sample, each) for each in _ENCODINGS} | scores
    best = max(scores, key=lambda each: scores[each])
    return best if scores[best] >= LEAST else None


def is_iso_2022_jp(data: bytes) -> bool:
    return bool(_SHIFTS.search(data)) and data.isascii() and decodes(data, _ISO_2022_JP.codec)


def decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _beginning(data: bytes, codec: str) -> str:
    """Of bytes that may end in the midst of a character."""
    return codecs.getincrementaldecoder(codec)("replace").decode(data)


def _lines_beyond_ascii(data: bytes) -> bytes:
    lines: list[bytes] = []
    size = 0
    for line in data.split(b"\n"):
        if not line.isascii():
            lines.append(line)
            size += len(line) + 1
            if size > SAMPLE:
                break
    return b"\n".join(lines)[:SAMPLE]


def _score(sample: bytes, encoding: Encoding) -> float:
    """From -1 to 1: how usual the characters beyond ASCII are, in the language they fit best."""
    text = _beginning(sample, encoding.codec)
    found = [match.start() for match in _BEYOND.finditer(text)]
    placed = Counter(text[at] for at in found if not _is_misplaced(text, at))
    wrong = _WRONG * (len(found) - placed.total())
    # Few letters of another writing among those of ASCII are more likely accents.
    is_latin = sum(character.isalpha() for character in text) > 5 * len(found)
    best = max(
        (wrong + sum(_weight(character, language) * n for character, n in placed.items()))
        / max(1, len(found))
        - _RARER * (is_latin and language not in LATIN)
        for language in encoding.languages
    )
    return best - _RARER * encoding.rare


def _score_utf_16(data: bytes, codec: str) -> float:
    """The same of all its characters; less, as any two bytes make one."""
    if len(data) % 2:
        return _WRONG
    text = _beginning(data[:SAMPLE], codec)
    return sum(_weight_in_any(character) for character in text) / max(1, len(text)) - _RARER


def _is_misplaced(text: str, at: int) -> bool:
    """Is it a capital after a small letter, a letter beside one of another writing, or a mark
    within a word?"""
    character, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if not character.isalpha():
        inside = before.isalpha() and after.isalpha()
        return inside and character < "\u2e80" and character not in _WITHIN_WORDS
    if character.isupper() and before.islower():
        return True
    beside = {each for each in (before, after) if each.isalpha()}
    if "\u0370" <= character < "\u0700":
        return any(each.isascii() for each in beside)
    return False


@cache
def _weights(language: str) -> dict[str, float]:
    """Of letters by how frequent they are, from 1 to 0.4; of signs 1."""
    if language in SIGNS:
        return dict.fromkeys(SIGNS[language], 1.0)
    letters = ALPHABETS[language]
    return {each: 1 - 0.6 * rank / len(letters) for rank, each in enumerate(letters)}


@cache
def _weight(character: str, language: str) -> float:
    weights = _weights(language)
    known = weights.get(character, weights.get(character.lower()))
    if known is not None:
        return known
    if character in _MARKS:
        return _MARK
    if character in SIGNS["Symbols"]:
        return _SYMBOL
    return _RARE.get(unicodedata.category(character), _WRONG)


@cache
def _weight_in_any(character: str) -> float:
    if character.isascii():
        return 1 if character.isprintable() or character in "\t\n\r\f" else -len(ALPHABETS)
    return max(_weight(character, language) for language in (*ALPHABETS, *SIGNS))
