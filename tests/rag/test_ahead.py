"""Vectors that are made one group ahead: in order, and ended by whatever goes wrong."""

import threading
from typing import Any

import numpy as np
import pytest

from rag.ahead import embed_ahead
from rag.embedder import Check, Vectors

GROUPS = [["a", "b"], ["c", "d"], ["e"]]


class Letters:
    """An embedder whose vectors are the letters."""

    name, dimensions, base_url, languages = "letters", 1, "", None

    def __init__(self) -> None:
        self.made: list[str] = []
        self.threads: set[int] = set()

    def embed_passages(self, texts: list[str], check: Check) -> Vectors:
        for number, text in enumerate(texts, 1):
            self.made.append(text)
            self.threads.add(threading.get_ident())
            check(number)
        return np.array([[ord(text)] for text in texts], dtype=np.float32)

    def embed_question(self, text: str) -> Vectors:
        raise NotImplementedError


def letters(rows: Vectors) -> str:
    return "".join(chr(int(row[0])) for row in rows)


def test_each_group_is_written_in_order_while_the_next_is_made() -> None:
    embedder, written, checked = Letters(), [], []
    is_made = threading.Event()

    def write(place: int, rows: Any) -> None:
        written.append((place, letters(rows), threading.get_ident()))
        if place == 0:
            while "c" not in embedder.made:
                is_made.wait(0.01)

    embed_ahead(GROUPS, embedder, checked.append, write)
    here = threading.get_ident()
    assert written == [(0, "ab", here), (1, "cd", here), (2, "e", here)]
    assert here not in embedder.threads
    assert checked[-1] == 5
    assert checked == sorted(checked)


def test_a_single_group_needs_no_thread_and_none_nothing() -> None:
    embedder, written = Letters(), []
    embed_ahead([["a"]], embedder, lambda _: None, lambda _, rows: written.append(letters(rows)))
    assert (written, embedder.threads) == (["a"], {threading.get_ident()})
    embed_ahead([], embedder, lambda _: None, lambda *_: pytest.fail("nothing is there"))


@pytest.mark.parametrize("what", ["check", "write", "embed"])
def test_what_goes_wrong_ends_it(what: str) -> None:
    class Wrong(Exception):
        pass

    def fail(*_: Any) -> Any:
        raise Wrong

    embedder = Letters()
    if what == "embed":
        embedder.embed_passages = fail  # type: ignore[method-assign]
    before = threading.active_count()
    with pytest.raises(Wrong):
        embed_ahead(
            GROUPS * 50,
            embedder,
            fail if what == "check" else lambda _: None,
            fail if what == "write" else lambda *_: None,
        )
    assert threading.active_count() == before
    assert len(embedder.made) < 250
