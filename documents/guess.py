"""Which of the old encodings a text is in, as chardet finds it among those that files are in."""

import codecs
import io
import re
import unicodedata
from dataclasses import dataclass

import chardet

SAMPLE = 16 * 1024  # bytes that an encoding is guessed from
MOST_CONTROLS = 0.01  # of the bytes of a text may be control characters
MOST_ODD = 0.1  # of what is beyond ASCII may be no letter, number, mark, space or usual sign

_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\r\f\b\x1a\x1b"})
_SHIFTS = re.compile(rb"\x1b\$[@B]")
_LETTERS = re.compile(rb"[A-Za-z]")
_HIGH = re.compile(rb"[\x80-\xff]")
_NEAR = re.compile(rb"[\x80-\xff].?[\x80-\xff]", re.DOTALL)
_USUAL = re.compile(r"[LMNPZS]")  # categories of characters
_DRAWN = range(0x2500, 0x2600)  # lines and blocks, of which nobody writes sentences
_UTF_16 = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
_LATIN = {
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "cp1254": "Windows-1254",
    "iso8859-2": "ISO-8859-2",
    "mac-roman": "Mac OS Roman",
    "cp850": "the MS-DOS code page 850",
    "cp852": "the MS-DOS code page 852",
}
_OTHERS = {
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "koi8-r": "KOI8-R",
    "koi8-u": "KOI8-U",
    "cp866": "the MS-DOS code page 866",
    "cp932": "Shift-JIS",
    "euc_jis_2004": "EUC-JP",
    "iso2022_jp_2": "ISO-2022-JP",
    "gb18030": "GB18030",
    "big5hkscs": "Big5",
    "cp949": "EUC-KR",
}


@dataclass(frozen=True)
class Encoding:
    """`codec` is what Python calls it, `name` what people do."""

    codec: str
    name: str


def guess(data: bytes) -> Encoding | None:
    """The encoding of a text that is in no UTF that it would say; None where it is no text."""
    if b"\0" in data:
        sample, names = data[:SAMPLE], _UTF_16
    elif is_iso_2022_jp(data):
        sample, names = data[:SAMPLE], _OTHERS
    else:
        sample = _lines_beyond_ascii(data)
        names = _candidates(sample)
    if not sample or not names:
        return None
    found = chardet.detect(sample, include_encodings=names, compat_names=False)["encoding"]
    if found is None:
        return None
    return Encoding(found, names[found]) if _is_text(_beginning(sample, found)) else None


def is_iso_2022_jp(data: bytes) -> bool:
    return bool(_SHIFTS.search(data)) and data.isascii() and decodes(data, "iso-2022-jp")


def decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _candidates(sample: bytes) -> dict[str, str]:
    """What it may be in: texts of Latin letters are in encodings that have more of those."""
    if len(sample) - len(sample.translate(None, _CONTROLS)) > MOST_CONTROLS * len(sample):
        return {}
    letters, high = len(_LETTERS.findall(sample)), len(_HIGH.findall(sample))
    is_latin = letters > 5 * high or not _NEAR.search(sample)
    return _LATIN if is_latin else _LATIN | _OTHERS


def _lines_beyond_ascii(data: bytes) -> bytes:
    sample = b""
    for line in io.BytesIO(data):
        if not line.isascii():
            sample += line[:SAMPLE]
        if len(sample) >= SAMPLE:
            break
    return sample[:SAMPLE]


def _beginning(data: bytes, codec: str) -> str:
    """Of bytes that may end in the midst of a character."""
    return codecs.getincrementaldecoder(codec)("replace").decode(data)


def _is_text(text: str) -> bool:
    beyond = [character for character in text if not character.isascii()] or list(text)
    odd = sum(
        not _USUAL.match(unicodedata.category(each)) or ord(each) in _DRAWN for each in beyond
    )
    return "\0" not in text and odd <= MOST_ODD * len(beyond)
