"""Texts to unit vectors: by the embedded MiniLM, or by any OpenAI-compatible server.

Imported by workers only.
"""

import threading
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from django.conf import settings
from django.utils.module_loading import import_string

from documents.chunk import load_tokenizer, verified
from rag.language import ENGLISH

Vectors = npt.NDArray[np.float32]  # shape (texts, dimensions), each row of length 1
Check = Callable[[int], None]  # called with how many texts are done

MINILM_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
MINILM_NAME = f"all-MiniLM-L6-v2 int8 {MINILM_SHA256[:8]}"
MOST_TOKENS = 256  # more, MiniLM was not trained on


def ignore(done: int) -> None:
    """For callers who need no news."""


class Embedder(Protocol):
    """`name` tells the vectors of one model from those of another; they are never compared."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def base_url(self) -> str:
        """Of its server; empty where it runs in this process."""
        ...

    @property
    def languages(self) -> frozenset[str] | None:
        """The codes of those that it knows; None stands for all."""
        ...

    def embed_passages(self, texts: list[str], check: Check = ignore) -> Vectors:
        """One row per text, in order. What `check` raises ends it."""
        ...

    def embed_question(self, text: str) -> Vectors:
        """One vector, of shape (dimensions,)."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2 in this process, loaded at first use; safe to share between threads."""

    name = MINILM_NAME
    dimensions = 384
    base_url = ""
    languages: frozenset[str] | None = frozenset({ENGLISH})

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def embed_passages(self, texts: list[str], check: Check = ignore) -> Vectors:
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        # One by one: on a CPU batches are no faster, and padding and memory are wasted on them.
        for place, encoding in enumerate(self._loaded[1].encode_batch(texts)):
            rows[place] = self._run(encoding)
            check(place + 1)
        return rows

    def embed_question(self, text: str) -> Vectors:
        vector: Vectors = self.embed_passages([text])[0]
        return vector

    @property
    def _loaded(self) -> tuple[Any, Any]:
        with self._lock:  # one load, however many threads ask first
            return self._load

    @cached_property
    def _load(self) -> tuple[Any, Any]:
        path = verified(settings.EMBEDDING_ONNX_PATH, MINILM_SHA256, "EMBEDDING_ONNX_PATH")
        options = onnxruntime.SessionOptions()
        # Spinning threads would take the cores from the other workers.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        tokenizer = load_tokenizer()
        tokenizer.enable_truncation(MOST_TOKENS)
        return session, tokenizer

    def _run(self, encoding: Any) -> Vectors:
        """Token vectors averaged over the text, then scaled to length 1."""
        ids = np.array([encoding.ids], dtype=np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        hidden = self._loaded[0].run(["last_hidden_state"], feed)[0]
        row: Vectors = unit(hidden.mean(axis=1))[0]
        return row


def unit(rows: Vectors) -> Vectors:
    """The rows scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Vectors = (rows / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


@cache
def get_embedder() -> Embedder:
    """The embedder that the settings name, one per process.

    By its path, as Django loads its back ends: the default needs no client library.
    """
    if settings.EMBEDDING_BASE_URL:
        remote: Embedder = import_string("rag.remote_embedder.RemoteEmbedder")(
            settings.EMBEDDING_BASE_URL,
            settings.EMBEDDING_MODEL or "default",
            settings.EMBEDDING_API_KEY,
        )
        return remote
    return MiniLM()
