"""From a stored upload to the text of its pages. The content decides what it is, not the name.

Imported by workers only: the parsers are slow to import.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import pypdfium2
from charset_normalizer import from_bytes
from magika import Magika
from markitdown import MarkItDown, MarkItDownException, StreamInfo

from realtime.work import Failure, Report

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML = "text/html"
MARKDOWN = "text/markdown"
PLAIN = "text/plain"

SUPPORTED = "PDF, Word (.docx), HTML, Markdown and plain text can be read."
MOST_UNPACKED = 256 * 1024**2  # bytes that a zipped format may unfold to
MOST_MARKUP = 16 * 1024**2  # bytes of HTML or XML: a converter takes 70 times that in memory
HEAD = 4096  # bytes in which a format shows
SAMPLE = 256 * 1024  # bytes that an unknown encoding is guessed from
DONE = 20  # percent of the job when the text is there

_HTML_START = re.compile(
    rb"^\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.I | re.S
)
_HTML_TAG = re.compile(rb"<(head|body|div|p|h[1-6]|table|ul|a)\b[^>]*>", re.I)
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_NO_MARKUP = ("word/media/", "word/embeddings/", "word/fonts/")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF_PASSWORD = 4  # FPDF_ERR_PASSWORD


@dataclass(frozen=True)
class Extracted:
    """The media type found in the content, and the text of each page, in order."""

    media_type: str
    pages: list[str]


def extract(path: Path, name: str, report: Report) -> Extracted:
    """The text of the file at `path` that was uploaded as `name`, reported from 0 to 20 percent.

    Raises Failure in words for the owner when it cannot be read.
    """
    report("EXTRACTING", 0, "Reading the file")
    media_type = sniff(path, name)
    if media_type == PDF:
        pages = list(_pdf_pages(path, report))
    else:
        pages = [_convert(path, media_type) if media_type in (DOCX, HTML) else _decode(path, name)]
    pages = [_clean(page) for page in pages]
    if not any(page.strip() for page in pages):
        raise Failure(
            "The PDF holds no text; it looks scanned, and scans cannot be read yet."
            if media_type == PDF
            else "The file holds no text."
        )
    return Extracted(media_type, pages)


def sniff(path: Path, name: str) -> str:
    """The media type of a file that can be read. Raises Failure naming what it is otherwise."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    suffix = PurePosixPath(name).suffix.lower()
    if head.startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:1024]):
        return PDF
    if head.startswith(b"PK\x03\x04") and _is_docx(path):
        return DOCX
    if head.startswith(_OLE):
        raise Failure(
            "The file is in an old Office format, or protected by a password. "
            "Save it as .docx without one and upload it again."
        )
    if _is_binary(head) or head.startswith(b"{\\rtf") or suffix in (".pdf", ".docx"):
        raise Failure(_refusal(path, suffix))
    if _HTML_START.match(head.removeprefix(b"\xef\xbb\xbf")):
        return HTML
    if suffix in (".html", ".htm", ".xhtml") and _HTML_TAG.search(head):
        return HTML
    return MARKDOWN if suffix in (".md", ".markdown") else PLAIN


def _is_docx(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            if "word/document.xml" not in archive.namelist():
                return False
            items = archive.infolist()
    except (zipfile.BadZipFile, OSError):
        raise Failure("The file is damaged: it cannot be unpacked.") from None
    if sum(item.file_size for item in items) > MOST_UNPACKED:
        raise Failure(f"The file unfolds to more than {MOST_UNPACKED // 1024**2} MB.")
    _check_markup(sum(i.file_size for i in items if not i.filename.startswith(_NO_MARKUP)))
    return True


def _check_markup(size: int) -> None:
    if size > MOST_MARKUP:
        raise Failure(
            f"The file holds more than {MOST_MARKUP // 1024**2} MB of text and markup. "
            "Split it, or save it as plain text or PDF."
        )


def _is_binary(head: bytes) -> bool:
    return b"\0" in head and not any(head.startswith(bom) for bom in _BOMS)


def _refusal(path: Path, suffix: str) -> str:
    """Why a file is not taken, with what it really is."""
    kind = _magika().identify_path(path).output
    if kind.label == "empty":
        return "The file is empty."
    if kind.label in ("unknown", "undefined"):
        what = "not a format we know"
    elif kind.is_text and kind.label not in ("rtf", "html"):
        what = "plain text"
    else:
        what = re.sub(r" (data|document|file)$", "", kind.description)
    if what != "not a format we know" and what != "plain text":
        what = f"{'an' if what[0] in 'AEIOaeio' else 'a'} {what} file"
    if suffix and suffix.lstrip(".") not in kind.extensions:
        return f"The file is named {suffix} but its content is {what}. {SUPPORTED}"
    return f"The file is {what}. {SUPPORTED}"


def _pdf_pages(path: Path, report: Report) -> Iterator[str]:
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PDF_PASSWORD:
            raise Failure(
                "The PDF is protected by a password. Save it without one and upload it again."
            ) from None
        raise Failure("The PDF is damaged: it cannot be opened.") from None
    with pdf:
        total = len(pdf)
        for index in range(total):
            yield _pdf_page(pdf, index)
            done = index + 1
            report("EXTRACTING", DONE * done // total, f"Reading page {done} of {total}")


def _pdf_page(pdf: pypdfium2.PdfDocument, index: int) -> str:
    """One page's text; "" for a page that is itself damaged."""
    try:
        page = pdf[index]
        try:
            text_page = page.get_textpage()
            try:
                text: str = text_page.get_text_range()
            finally:
                text_page.close()
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        return ""
    # U+FFFE stands for a hyphen at the end of a line: the word goes on.
    return text.replace("\ufffe", "")


def _convert(path: Path, media_type: str) -> str:
    """A Word or HTML file as Markdown."""
    data = path.read_bytes()
    if media_type == HTML:
        _check_markup(len(data))
    suffix = ".docx" if media_type == DOCX else ".html"
    charset = "utf-8" if media_type == HTML and _is_utf8(data) else None
    info = StreamInfo(mimetype=media_type, extension=suffix, charset=charset)
    try:
        result = _converter().convert_stream(io.BytesIO(data), stream_info=info)
    except RecursionError:
        raise Failure("The file is nested too deeply to be read.") from None
    except (MarkItDownException, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise Failure(f"The file is damaged: it cannot be read ({type(error).__name__}).") from None
    return str(result.markdown)


def _decode(path: Path, name: str) -> str:
    data = path.read_bytes()
    bom = next((encoding for mark, encoding in _BOMS.items() if data.startswith(mark)), None)
    if bom is None and b"\0" in data:
        raise Failure(_refusal(path, PurePosixPath(name).suffix.lower()))
    try:
        return data.decode(bom or "utf-8")
    except UnicodeDecodeError:
        pass
    is_text = _magika().identify_bytes(data).output.is_text
    best = from_bytes(data[:SAMPLE]).best() if is_text else None
    if best is None:
        raise Failure(_refusal(path, PurePosixPath(name).suffix.lower()))
    return data.decode(best.encoding, errors="replace")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _clean(text: str) -> str:
    """One kind of line break, and nothing that PostgreSQL refuses: NUL and lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return text.encode("utf-8", "ignore").decode()


@cache
def _converter() -> MarkItDown:
    return MarkItDown(enable_plugins=False)


@cache
def _magika() -> Magika:
    return Magika()
