"""PowerPoint: a page for each slide, with its tables and notes."""

import re
from collections.abc import Iterator

from documents.formats import MEGABYTE, Format
from documents.markup import to_markdown
from documents.media_types import PPTX
from documents.source import Section, Source, check_package

_SLIDE = re.compile(r"^<!-- Slide number: \d+ -->\n?", re.M)
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")


def _read(source: Source) -> Iterator[Section]:
    check_package(source)
    text = to_markdown(source.path.read_bytes(), PPTX, ".pptx")
    slides = _SLIDE.split(text)[1:] or [text]
    for number, slide in enumerate(slides, 1):
        source.tell(number, len(slides), f"Reading slide {number} of {len(slides)}")
        yield Section(_PICTURE.sub("", slide).strip())


FORMAT = Format(
    media_type=PPTX,
    label="PowerPoint (.pptx)",
    suffixes=(".pptx", ".pptm"),
    recognise=lambda source: "ppt/presentation.xml" in source.entries,
    read=_read,
    most_bytes=256 * MEGABYTE,
    binary=True,
)
