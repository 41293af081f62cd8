"""An embedder that keeps its vectors in a file: measuring again takes no embedding."""

import hashlib
import re
from pathlib import Path

import numpy as np

from rag.embedder import Check, Embedder, Vectors, ignore

GROUP = 256  # texts between two writes: what a run that is ended may lose


class KeptVectors:
    """Asks `embedder` only for texts that the file in `folder` does not hold."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder = embedder
        self.name, self.dimensions = embedder.name, embedder.dimensions
        self.languages, self.base_url = embedder.languages, embedder.base_url
        self._path = folder / f"{re.sub('[^a-zA-Z0-9]+', '-', embedder.name)}.npz"
        self._rows: dict[str, Vectors] = {}
        self._unsaved = 0
        if self._path.is_file():
            with np.load(self._path) as kept:
                self._rows = dict(zip(kept["keys"].tolist(), kept["rows"], strict=True))

    def embed_passages(self, texts: list[str], check: Check = ignore) -> Vectors:
        return self._all([("passage", text) for text in texts], check)

    def embed_question(self, text: str) -> Vectors:
        vector: Vectors = self._all([("question", text)], ignore)[0]
        return vector

    def _all(self, texts: list[tuple[str, str]], check: Check) -> Vectors:
        keys = [hashlib.sha256("\0".join(text).encode()).hexdigest() for text in texts]
        missing = [text for key, text in zip(keys, texts, strict=True) if key not in self._rows]
        for begin in range(0, len(missing), GROUP):
            self._embed(missing[begin : begin + GROUP])
            check(len(texts) - len(missing) + begin)
        check(len(texts))
        if not keys:
            return np.empty((0, self.dimensions), np.float32)
        return np.stack([self._rows[key] for key in keys])

    def _embed(self, texts: list[tuple[str, str]]) -> None:
        passages = [text for kind, text in texts if kind == "passage"]
        rows = iter(self._embedder.embed_passages(passages) if passages else ())
        for kind, text in texts:
            row = next(rows) if kind == "passage" else self._embedder.embed_question(text)
            self._rows[hashlib.sha256(f"{kind}\0{text}".encode()).hexdigest()] = row
        self._unsaved += len(texts)
        if self._unsaved >= GROUP:
            self.save()

    def save(self) -> None:
        if not self._rows:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".part.npz")
        np.savez(beside, keys=list(self._rows), rows=np.stack(list(self._rows.values())))
        beside.replace(self._path)
        self._unsaved = 0
