"""E-mail: who wrote it to whom, what, and what is attached."""

import email
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default

from documents.formats import MEGABYTE, Format, divided, read_inside
from documents.guess import guess
from documents.markup import to_markdown
from documents.media_types import EML, HTML
from documents.source import Section, Source

MOST_ATTACHMENTS = 200
_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_LINE = re.compile(rb"^([A-Za-z][A-Za-z0-9-]*):[ \t]|^[ \t]+\S", re.M)
_OURS = {
    b"from", b"to", b"subject", b"date", b"message-id", b"received", b"return-path",
    b"mime-version", b"delivered-to", b"content-type",
}  # fmt: skip


def _is_mail(source: Source) -> bool:
    """Does it begin with header lines alone, three of them those of a message?"""
    head = source.head.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    lines = head.split(b"\n")[:-1] if len(head) >= 4000 else head.split(b"\n")
    found = [_LINE.match(line) for line in lines]
    names = {match[1].lower() for match in found if match and match[1]}
    return bool(lines) and all(found) and len(names & _OURS) >= 3


def _read(source: Source) -> Iterator[Section]:
    message = email.message_from_bytes(source.path.read_bytes(), policy=default)
    heads = [f"{name}: {_header(message, name)}" for name in _HEADERS if message.get(name)]
    subject = _header(message, "Subject")
    yield from divided("\n".join(heads) + "\n\n" + _body(message), subject)
    attached = list(message.iter_attachments()) if message.is_multipart() else []
    if len(attached) > MOST_ATTACHMENTS:
        source.note(f"Only the first {MOST_ATTACHMENTS} of {len(attached)} attachments are read.")
    for number, part in enumerate(attached[:MOST_ATTACHMENTS], 1):
        name = part.get_filename() or f"attachment {number}"
        source.tell(number - 1, len(attached), f"Reading attachment {number} of {len(attached)}")
        yield from read_inside(source, name, _content(part))


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError):  # a header that the parser stumbles over
        return ""


def _body(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    data = body.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    text = _decoded(data, body.get_content_charset())
    if body.get_content_subtype() == "html":
        return to_markdown(text.encode(), HTML, ".html")
    return text


def _decoded(data: bytes, charset: str | None) -> str:
    try:
        return data.decode(charset or "utf-8")
    except (UnicodeDecodeError, LookupError):
        found = guess(data)
        return data.decode(found.codec if found else "cp1252", errors="replace")


def _content(part: EmailMessage) -> bytes:
    if part.get_content_maintype() == "message":
        inner = part.get_payload()
        return b"".join(each.as_bytes() for each in inner if not isinstance(each, str))
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


FORMAT = Format(
    media_type=EML,
    label="e-mail (.eml)",
    suffixes=(".eml",),
    recognise=_is_mail,
    read=_read,
    most_bytes=128 * MEGABYTE,
    rank=1,
)
