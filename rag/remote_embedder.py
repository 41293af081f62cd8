"""Texts to unit vectors, by any OpenAI-compatible server."""

from functools import cached_property

import numpy as np
from openai import OpenAI, OpenAIError

from rag.embedder import Check, Vectors, ignore, unit
from rag.language_model import TIMEOUT, in_words
from realtime.work import Failure

REMOTE_BATCH = 32
REMOTE_TRIES = 3


class RemoteEmbedder:
    """Any OpenAI-compatible `/embeddings`. Raises Failure in words for the owner."""

    languages: frozenset[str] | None = None

    def __init__(self, base_url: str, model: str, api_key: str) -> None:
        self.name = model
        self.base_url = base_url
        self._client = OpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            timeout=TIMEOUT,
            max_retries=REMOTE_TRIES - 1,
        )

    @cached_property
    def dimensions(self) -> int:
        return int(self.embed_question("How many dimensions?").shape[0])

    def embed_passages(self, texts: list[str], check: Check = ignore) -> Vectors:
        rows: list[Vectors] = []
        for begin in range(0, len(texts), REMOTE_BATCH):
            rows.append(self._embed(texts[begin : begin + REMOTE_BATCH]))
            check(min(begin + REMOTE_BATCH, len(texts)))
        return np.concatenate(rows) if rows else np.empty((0, self.dimensions), np.float32)

    def embed_question(self, text: str) -> Vectors:
        vector: Vectors = self._embed([text])[0]
        return vector

    def _embed(self, texts: list[str]) -> Vectors:
        try:
            answer = self._client.embeddings.create(
                model=self.name, input=texts, encoding_format="float"
            )
        except (OpenAIError, ValueError) as error:
            words, _ = in_words(error, self.base_url, "embedding server")
            raise Failure(words) from None
        data = sorted(getattr(answer, "data", None) or [], key=lambda item: item.index)
        if len(data) != len(texts):
            raise Failure("The embedding server answered with the wrong number of vectors.")
        return unit(np.array([item.embedding for item in data], dtype=np.float32))
