"""Rows of cells as Markdown tables, a section for every so many rows."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from documents.source import Section, Unreadable

ROWS = 500  # in one section
MOST_CELLS = 2_000_000
LONGEST_CELL = 10_000  # characters


def sections(rows: Iterable[list[str]], title: str = "") -> Iterator[Section]:
    """The first row is the head, and is repeated in each section. Blank rows are left out."""
    rest: Iterator[list[str]] = (row for row in rows if any(cell.strip() for cell in row))
    head = next(rest, None)
    if head is None:
        return
    seen, number = 0, 1
    while True:
        part = list(islice(rest, ROWS))
        seen += sum(map(len, part))
        if seen > MOST_CELLS:
            raise Unreadable(f"The table has more than {MOST_CELLS} cells. Split it.")
        following = next(rest, None)
        words = f"{title}, rows {number}–{number + len(part) - 1}".removeprefix(", ")
        is_whole = number == 1 and following is None
        yield Section(markdown([head, *part]), title if is_whole else words)
        if following is None:
            return
        rest, number = chain([following], rest), number + len(part)


def markdown(rows: list[list[str]]) -> str:
    """The rows as one table; they may be of different lengths."""
    width = max(map(len, rows))
    lines = [_line(row, width) for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _line(row: list[str], width: int) -> str:
    cells = [" ".join(cell[:LONGEST_CELL].replace("|", "\\|").split()) for cell in row]
    return "| " + " | ".join(cells + [""] * (width - len(cells))) + " |"
