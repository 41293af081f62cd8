"""Bytes to text, whatever their encoding."""

from charset_normalizer import from_bytes

from documents.formats import MEGABYTE, magika, refusal
from documents.source import Source, Unreadable

MOST_TEXT = 32 * MEGABYTE
SAMPLE = 256 * 1024  # bytes that an unknown encoding is guessed from
BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
MOST_ODD = 0.05  # of a text that may be in none of the encodings that it seems to be in


def is_text(source: Source) -> bool:
    """May it be text, as far as its beginning shows?"""
    head = source.head
    has_bom = any(head.startswith(bom) for bom in BOMS)
    return (b"\0" not in head or has_bom) and not head.startswith(b"{\\rtf")


def decode(source: Source) -> str:
    """Raises Unreadable when it is no text after all."""
    data = source.path.read_bytes()
    bom = next((encoding for mark, encoding in BOMS.items() if data.startswith(mark)), None)
    if bom is None and b"\0" in data:
        raise Unreadable(refusal(source))
    try:
        return data.decode(bom or "utf-8")
    except UnicodeDecodeError:
        pass
    if bom is None and not magika().identify_bytes(data).output.is_text:
        raise Unreadable(refusal(source))
    text = data.decode(bom or "utf-8", errors="replace")
    if text.count("\ufffd") <= MOST_ODD * len(text) and _is_mostly_utf8(data):
        source.note("Some bytes are in another encoding than the rest; they show as �.")
        return text
    best = from_bytes(data[:SAMPLE]).best()
    if best is None:
        raise Unreadable(refusal(source))
    return data.decode(best.encoding, errors="replace")


def _is_mostly_utf8(data: bytes) -> bool:
    """Do more of the bytes beyond ASCII belong to UTF-8 than not?"""
    odd = data.decode("utf-8", errors="replace").count("\ufffd")
    good = sum(character > "\x7f" for character in data.decode("utf-8", errors="ignore"))
    return good > odd
