"""Bytes to text, whatever their encoding."""

import codecs

from documents.formats import MEGABYTE, refusal
from documents.guess import decodes, guess, is_iso_2022_jp
from documents.source import Source, Unreadable

MOST_TEXT = 32 * MEGABYTE
BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
MOST_ODD = 0.05  # of a text that may be in none of the encodings that it seems to be in
WIDER = {  # what is meant by the names of some encodings
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
}


def is_text(source: Source) -> bool:
    """May it be text, as far as its beginning shows?"""
    head = source.head
    if head.startswith(b"{\\rtf"):
        return False
    return b"\0" not in head or _bom(head) is not None or guess(head) is not None


def decode(source: Source, declared: str = "") -> str:
    """The text of a file, which may declare its encoding; what was guessed is noted.

    Raises Unreadable when it is no text after all.
    """
    data = source.path.read_bytes()
    encoding = _bom(data) or _utf8(data) or _declared(data, declared)
    if encoding is None:
        found = guess(data)
        if found is None:
            raise Unreadable(refusal(source))
        source.note(f"It was read as {found.name}, which is a guess.")
        encoding = found.codec
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        source.note("Some bytes are in another encoding than the rest; they show as �.")
        return data.decode(encoding, errors="replace")


def _bom(data: bytes) -> str | None:
    return next((encoding for mark, encoding in BOMS.items() if data.startswith(mark)), None)


def _utf8(data: bytes) -> str | None:
    """UTF-8, if what is beyond ASCII belongs to it, or most of that."""
    if b"\0" in data or is_iso_2022_jp(data):
        return None
    if decodes(data, "utf-8"):
        return "utf-8"
    text = data.decode(errors="replace")
    odd = text.count("\ufffd")
    if odd > MOST_ODD * len(text):
        return None
    good = sum(character > "\x7f" for character in text) - odd
    return "utf-8" if good > odd else None


def _declared(data: bytes, name: str) -> str | None:
    """The codec of that name, if there is one and the data are in it."""
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    codec = WIDER.get(codec, codec)
    try:
        return codec if decodes(data, codec) else None
    except LookupError:  # a codec, but of no text
        return None
