"""A page of a PDF as a picture, and where on it a passage stands."""

import io
from pathlib import Path

import pypdfium2

from documents.reader_frames import Drawn, Picture
from documents.readers.pdf import in_order, open_pdf, page_text
from documents.source import Source, Unreadable, clean

Box = tuple[float, float, float, float]
MOST_PIXELS = 16_000_000
MOST_BOXES = 500


def draw(request: Picture) -> Drawn:
    """Raises Unreadable."""
    path = Path(request.path)
    source = Source(path, path.name, path.parent, lambda *_: None, lambda _: None)
    with open_pdf(source) as pdf:
        if not 0 < request.page <= len(pdf):
            raise Unreadable("There is no such page.")
        try:
            page = pdf[request.page - 1]
            boxes = _boxes(page, request.start, request.end)
            return Drawn(_picture(page, request.width) if request.width else b"", boxes)
        except pypdfium2.PdfiumError:
            raise Unreadable("The page is damaged.") from None


def _picture(page: pypdfium2.PdfPage, width: int) -> bytes:
    across, down = page.get_size()
    scale = min(width / max(1, across), (MOST_PIXELS / max(1, across * down)) ** 0.5)
    stream = io.BytesIO()
    page.render(scale=scale).to_pil().convert("RGB").save(stream, "WEBP", quality=80, method=2)
    return stream.getvalue()


def _boxes(page: pypdfium2.PdfPage, start: int, end: int) -> list[Box]:
    """The lines of characters `start` to `end` of the page's stored text, in parts of its size."""
    if start >= end:
        return []
    raw = page.get_textpage()
    kept = _kept(in_order(raw))
    if "".join(character for _, character in kept) != clean(page_text(page)):
        return []
    places = [place for place, _ in kept[start:end]]
    if not places:
        return []
    left, bottom, right, top = page.get_bbox()
    across, down = right - left, top - bottom
    count = min(MOST_BOXES, raw.count_rects(places[0], places[-1] - places[0] + 1))
    boxes: list[Box] = []
    for number in range(count):
        x0, y0, x1, y1 = raw.get_rect(number)
        box = ((x0 - left) / across, (top - y1) / down, (x1 - left) / across, (top - y0) / down)
        boxes.append(box)
    return boxes


def _kept(text: str) -> list[tuple[int, str]]:
    """The characters that `clean` and `page_text` keep, each with its place among all."""
    kept: list[tuple[int, str]] = []
    for place, character in enumerate(text):
        if character == "\r":
            kept.append((place, "\n"))
        elif character == "\n" and place and text[place - 1] == "\r":
            continue
        elif character not in "\0\ufffe" and not "\ud800" <= character <= "\udfff":
            kept.append((place, character))
    return kept
