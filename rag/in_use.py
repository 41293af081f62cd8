"""Which model questions are compared by: the one whose vectors are complete.

Where the settings name another, `reindex` embeds all chunks with that one first, and switches.
"""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from rag.embedder import MINILM_NAME, Embedder, MiniLM, get_embedder
from rag.models import Embedding, EmbeddingModel


def current() -> Embedder:
    """The current model's embedder; before it has embedded anything, the one that the settings
    name."""
    row = EmbeddingModel.objects.filter(is_current=True).first()
    wanted = get_embedder()
    if row is None or row.name == wanted.name:
        return wanted
    if not Embedding.objects.filter(model=row).exists():
        return wanted
    return _earlier(row.name, row.base_url)


@cache
def _earlier(name: str, base_url: str) -> Embedder:
    """A model that the settings named once."""
    if name == MINILM_NAME:
        return MiniLM()
    embedder: Embedder = import_string("rag.remote_embedder.RemoteEmbedder")(
        base_url or settings.EMBEDDING_BASE_URL, name, settings.EMBEDDING_API_KEY
    )
    return embedder
