"""CSV: a table, whatever its separator."""

import csv
from collections.abc import Iterator

from documents import tables
from documents.decode import MOST_TEXT, decode, is_text
from documents.formats import Format, divided
from documents.media_types import CSV
from documents.source import Section, Source

_SEPARATORS = ",;\t|"
_SAMPLE = 16_384  # characters that the separator is found in


def _read(source: Source) -> Iterator[Section]:
    text = decode(source)
    if source.suffix == ".tsv":
        separator = "\t"
    else:
        first = text[:_SAMPLE].splitlines()[:20]
        separator = max(_SEPARATORS, key=lambda mark: _regular(first, mark))
    csv.field_size_limit(MOST_TEXT)
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=separator))
    except csv.Error:
        yield from divided(text)
        return
    yield from tables.sections(rows)


def _regular(lines: list[str], mark: str) -> tuple[int, int]:
    """How many lines have as many of the mark as the first, if it has any; and how many that is."""
    counts = [line.count(mark) for line in lines] or [0]
    return (counts.count(counts[0]) if counts[0] else 0, counts[0])


FORMAT = Format(
    media_type=CSV,
    label="CSV",
    suffixes=(".csv", ".tsv"),
    recognise=lambda source: source.suffix in (".csv", ".tsv") and is_text(source),
    read=_read,
    most_bytes=MOST_TEXT,
    rank=3,
)
