"""A real manual as a PDF: chapters of the Python documentation that ships with Python."""

from pathlib import Path
from pydoc_data.topics import topics

from fpdf import FPDF

CHAPTERS = ("with", "try", "lambda", "import", "global", "slicings", "yield", "async")


def make_manual(path: Path, chapters: tuple[str, ...] = CHAPTERS) -> Path:
    """Write the PDF, several pages a chapter; returns its path."""
    pdf = FPDF()
    pdf.set_title("The Python language, in parts")
    for chapter in chapters:
        pdf.add_page()
        pdf.set_font("Helvetica", "B", 18)
        pdf.cell(0, 12, f"The {chapter} chapter", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("Helvetica", size=11)
        text = topics[chapter].encode("latin-1", "replace").decode("latin-1")
        pdf.multi_cell(0, 5.5, text)
    pdf.output(str(path))
    return path
