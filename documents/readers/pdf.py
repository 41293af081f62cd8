"""PDF: the text of each page; a page that is a picture goes through OCR."""

import re
from collections.abc import Iterator

import pypdfium2
from pypdfium2 import raw

from documents import ocr
from documents.formats import MEGABYTE, Format
from documents.media_types import PDF
from documents.source import Locked, Section, Source, Unreadable

MOST_PAGES = 20_000
FEW_LETTERS = 100  # on a page whose picture is looked at for more
COVERS = 0.4  # the part of a page that a picture takes, when the page is a scan
OCR_DPI = 200
MOST_PIXELS = 25_000_000
NAMED = 10  # pages that a note names
POINTS = 72  # an inch has

# Letters and their marks, of Hebrew and Arabic; digits and punctuation are none.
_RIGHT_TO_LEFT = re.compile(
    "[\u0591-\u05f2\u0610-\u061a\u0620-\u065f\u066e-\u06d3\u06fa-\u06fc\u0750-\u077f"
    "\ufb1d-\ufdff\ufe70-\ufefc]{2,}"
)


def open_pdf(source: Source) -> pypdfium2.PdfDocument:
    """Raises Locked and Unreadable."""
    try:
        return pypdfium2.PdfDocument(source.path, password=source.password or None)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) != raw.FPDF_ERR_PASSWORD:
            raise Unreadable("The PDF is damaged: it cannot be opened.") from None
    raise Locked(
        "The password is not right." if source.password else "The PDF is protected by a password."
    )


def _read(source: Source) -> Iterator[Section]:
    with open_pdf(source) as pdf:
        total = len(pdf)
        if total > MOST_PAGES:
            raise Unreadable(f"The PDF has {total} pages; at most {MOST_PAGES} are read.")
        scans: list[int] = []
        for index in range(total):
            source.tell(index, total, f"Reading page {index + 1} of {total}")
            text, is_scan = _page(pdf, index, source)
            if is_scan and not ocr.is_there():
                scans.append(index + 1)
            yield Section(text)
        source.tell(total, total, f"Read {total} pages")
        if scans:
            source.note(_scans(scans, total))


def _page(pdf: pypdfium2.PdfDocument, index: int, source: Source) -> tuple[str, bool]:
    """One page's text, and whether it is a scan; "" for a page that is itself damaged."""
    try:
        page = pdf[index]
        try:
            text = page_text(page)
            is_scan = len("".join(text.split())) < FEW_LETTERS and _is_picture(page)
            if is_scan and ocr.is_there():
                source.tell(index, len(pdf), f"Recognising page {index + 1} of {len(pdf)}")
                seen = ocr.recognise(_picture(page))
                text = seen if len(seen) > len(text) else text
            return text, is_scan
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        source.note(f"Page {index + 1} is damaged.")
        return "", False


def page_text(page: pypdfium2.PdfPage) -> str:
    text_page = page.get_textpage()
    try:
        # U+FFFE stands for a hyphen at the end of a line: the word goes on.
        return in_order(text_page).replace("\ufffe", "")
    finally:
        text_page.close()


def in_order(text_page: pypdfium2.PdfTextPage) -> str:
    """The text with the letters of each word in the order in which they are read.

    PDFium gives some Arabic words from left to right; where a word's first letter stands to the
    left of its last, it is turned.
    """
    text: str = text_page.get_text_range()
    if not _RIGHT_TO_LEFT.search(text) or len(text) != text_page.count_chars():
        return text

    def turned(word: re.Match[str]) -> str:
        first, last = (text_page.get_charbox(place) for place in (word.start(), word.end() - 1))
        return word[0][::-1] if first[0] < last[0] else word[0]

    return _RIGHT_TO_LEFT.sub(turned, text)


def _is_picture(page: pypdfium2.PdfPage) -> bool:
    width, height = page.get_size()
    covered = 0.0
    for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = image.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    return bool(covered > COVERS * width * height)


def _picture(page: pypdfium2.PdfPage) -> ocr.Picture:
    width, height = page.get_size()
    scale = min(OCR_DPI / POINTS, (MOST_PIXELS / max(1, width * height)) ** 0.5)
    picture: ocr.Picture = page.render(scale=scale, grayscale=True).to_pil()
    return picture


def _scans(pages: list[int], total: int) -> str:
    if len(pages) == total:
        return f"The PDF is scanned. {ocr.MISSING}"
    named = ", ".join(map(str, pages[:NAMED])) + (", …" if len(pages) > NAMED else "")
    return f"{'Page' if len(pages) == 1 else 'Pages'} {named}: scanned. {ocr.MISSING}"


FORMAT = Format(
    media_type=PDF,
    label="PDF",
    suffixes=(".pdf",),
    recognise=lambda source: (
        source.head.startswith(b"%PDF-")
        or (source.suffix == ".pdf" and b"%PDF-" in source.head[:1024])
    ),
    read=_read,
    most_bytes=2048 * MEGABYTE,
    binary=True,
)
