"""Where citations lead."""

from collections.abc import Iterable

from rag.markdown import Source
from rag.models import FoundPassage


def sources_of(passages: Iterable[FoundPassage]) -> dict[int, Source]:
    """By rank: the highlighted passage, or its card when the document is gone."""
    return {passage.rank: _source(passage) for passage in passages}


def _source(passage: FoundPassage) -> Source:
    words = f"{passage.document_name}, page {passage.page}"
    if passage.document_id is None:
        return Source(f"#source-{passage.rank}", words)
    # The end counts from the start of the first page, also where the passage runs on to the next.
    end = passage.start + len(passage.text)
    place = f"?page={passage.page}&start={passage.start}&end={end}#passage"
    return Source(f"/documents/{passage.document_id}/{place}", words)
