"""JSON, one value a line, so that a passage of it can be read."""

import json
from collections.abc import Iterator
from contextlib import suppress

from documents.decode import MOST_TEXT, decode, is_text
from documents.formats import Format, divided
from documents.media_types import JSON
from documents.source import Section, Source


def _read(source: Source) -> Iterator[Section]:
    text = decode(source)
    with suppress(ValueError, RecursionError):  # lines of JSON, or nearly JSON: as it is
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    yield from divided(text)


def _is_json(source: Source) -> bool:
    begins = source.head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    return source.suffix in (".json", ".jsonl", ".ndjson", ".geojson") and begins


FORMAT = Format(
    media_type=JSON,
    label="JSON",
    suffixes=(".json", ".jsonl", ".ndjson"),
    recognise=lambda source: _is_json(source) and is_text(source),
    read=_read,
    most_bytes=MOST_TEXT,
    rank=3,
)
