"""Excel: each sheet as a table, with the values that were last computed."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

import openpyxl

from documents import tables
from documents.formats import MEGABYTE, Format
from documents.media_types import XLSX
from documents.source import Section, Source, check_package

MOST_COLUMNS = 1000


def _read(source: Source) -> Iterator[Section]:
    check_package(source)
    # Opened here: a path would have to end with a suffix that openpyxl knows.
    with source.path.open("rb") as file:
        sheets = openpyxl.load_workbook(file, read_only=True, data_only=True).worksheets
        for number, sheet in enumerate(sheets, 1):
            source.tell(number - 1, len(sheets), f"Reading sheet {number} of {len(sheets)}")
            rows = sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS)
            yield from tables.sections(map(_cells, rows), sheet.title)


def _cells(row: tuple[Any, ...]) -> list[str]:
    cells = [_words(value) for value in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return str(value.date() if value.time() == time() else value)
    return str(value)


FORMAT = Format(
    media_type=XLSX,
    label="Excel (.xlsx)",
    suffixes=(".xlsx", ".xlsm"),
    recognise=lambda source: "xl/workbook.xml" in source.entries,
    read=_read,
    most_bytes=256 * MEGABYTE,
    binary=True,
)
