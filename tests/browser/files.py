"""Files to upload, made anew for each test, so that none is a duplicate of another's."""

import random
from pathlib import Path

from fpdf import FPDF

_SYLLABLES = [first + second for first in "bcdfghjklm" for second in "aeiou"]


def prose(words: int) -> str:
    """Text that nobody has seen before, in sentences."""
    said = ["".join(random.choices(_SYLLABLES, k=3)) for _ in range(words)]
    lines = [" ".join(said[place : place + 12]).capitalize() for place in range(0, words, 12)]
    return ". ".join(lines) + "."


def pdf(folder: Path, name: str, *pages: str) -> Path:
    file = FPDF()
    file.set_font("helvetica", size=11)
    for text in pages:
        file.add_page()
        file.multi_cell(0, 6, text)
    path = folder / name
    path.write_bytes(bytes(file.output()))
    return path


def long_pdf(folder: Path, name: str, pages: int = 30) -> Path:
    """Takes some ten seconds to embed on two cores."""
    return pdf(folder, name, *(prose(350) for _ in range(pages)))


def text(folder: Path, name: str, content: str = "") -> Path:
    path = folder / name
    path.write_text(content or prose(40))
    return path
