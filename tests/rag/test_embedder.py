"""The real embedding model."""

import threading
from pathlib import Path

import numpy as np
import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from rag.embedder import MiniLM, Vectors


@pytest.fixture(scope="module")
def embedder() -> MiniLM:
    return MiniLM()


def test_rows_are_unit_vectors_in_the_order_of_the_texts(embedder: MiniLM) -> None:
    texts = ["A cat sleeps.", "x " * 2000, "", "A kitten naps.", "Stock prices fell."]
    rows = embedder.embed_passages(texts)
    assert rows.shape == (5, 384)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[3] > 0.5 > rows[0] @ rows[4]
    assert rows[0] @ embedder.embed_question("A cat sleeps.") > 0.999


def test_progress_counts_every_text_and_a_check_can_end_it(embedder: MiniLM) -> None:
    seen: list[int] = []
    embedder.embed_passages(["a", "b", "c", "d", "e"], seen.append)
    assert seen[-1] == 5
    assert seen == sorted(seen)

    def stop(done: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        embedder.embed_passages(["a", "b"], stop)


def test_threads_share_one_model_and_get_the_same_vectors() -> None:
    embedder = MiniLM()
    rows: list[Vectors] = []
    threads = [
        threading.Thread(target=lambda: rows.append(embedder.embed_question("The same words")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows) == 4
    assert all(np.allclose(row, rows[0], atol=1e-6) for row in rows)


def test_another_model_file_is_refused_clearly(settings: Settings, tmp_path: Path) -> None:
    settings.EMBEDDING_ONNX_PATH = tmp_path / "model.onnx"
    settings.EMBEDDING_ONNX_PATH.write_bytes(b"another")
    with pytest.raises(ImproperlyConfigured, match=r"EMBEDDING_ONNX_PATH: .* has sha256"):
        MiniLM().embed_question("x")
