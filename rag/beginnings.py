"""What a chunk is embedded with: the beginning of its document, which often is its title, so that a
piece from the middle still says what it is about."""

from collections.abc import Sequence

from documents.models import Chunk

MOST_CHARACTERS = 120  # about 30 tokens: with a chunk of 220 the model reads all


def embedded_texts(chunks: Sequence[Chunk]) -> list[str]:
    """The texts to embed, in order. The first chunk of a document has its beginning already."""
    firsts = Chunk.objects.filter(document__in={chunk.document_id for chunk in chunks}, index=0)
    begun = {pk: beginning(text) for pk, text in firsts.values_list("document", "text")}
    return [
        f"{begun[chunk.document_id]}\n{chunk.text}"
        if chunk.index and begun.get(chunk.document_id)
        else chunk.text
        for chunk in chunks
    ]


def beginning(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= MOST_CHARACTERS else words[:MOST_CHARACTERS].rsplit(" ", 1)[0]
