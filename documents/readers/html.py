"""HTML, as Markdown and without its scripts."""

import re
from collections.abc import Iterator

from documents.decode import decode
from documents.formats import MEGABYTE, Format, divided
from documents.markup import to_markdown
from documents.media_types import HTML
from documents.source import Section, Source, check_markup

_START = re.compile(rb"^\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.I | re.S)
_TAG = re.compile(rb"<(head|body|div|p|h[1-6]|table|ul|a)\b[^>]*>", re.I)
_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]*?(?:charset|encoding)\s*=\s*["']?([\w.:-]+)""", re.I
)


def _is_html(source: Source) -> bool:
    head = source.head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.replace(b"\0", b"")[2:]
    if _START.match(head):
        return True
    return source.suffix in (".html", ".htm", ".xhtml") and bool(_TAG.search(head))


def _read(source: Source) -> Iterator[Section]:
    check_markup(source.size)
    found = _CHARSET.search(source.head)
    text = decode(source, found[1].decode() if found else "")
    yield from divided(to_markdown(text.encode(errors="replace"), HTML, ".html"))


FORMAT = Format(
    media_type=HTML,
    label="HTML",
    suffixes=(".html", ".htm", ".xhtml"),
    recognise=_is_html,
    read=_read,
    most_bytes=64 * MEGABYTE,
    rank=1,
)
