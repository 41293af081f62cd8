"""Where texts are cut, with the real tokenizer."""

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from documents.chunk import WINDOW, chunk, load_tokenizer, soften, verified
from documents.cut import TOKENS, Cut, WrongCut

PARAGRAPH = (
    "The maintainer uploads the package to the queue, where it is checked.\n"
    "If a check fails, the upload is rejected and a mail says why; nothing\n"
    "else happens until somebody uploads a corrected version of the package.\n"
)
TEXT = "\n".join(f"{n}. Heading number {n}\n\n{PARAGRAPH * 3}" for n in range(1, 20))


def test_chunks_are_exact_pieces_of_the_text_in_order() -> None:
    text = TEXT + "Ünïcode 漢字 and 🙂 emoji. " * 200
    spans = chunk(text)
    assert len(spans) > 5
    assert spans == sorted(spans)
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)


def test_every_word_is_in_a_chunk() -> None:
    covered: set[int] = set()
    for start, end in chunk(TEXT):
        covered.update(range(start, end))
    assert all(place in covered for place, c in enumerate(TEXT) if not c.isspace())


def test_no_chunk_is_larger_than_the_model_reads() -> None:
    tokenizer = load_tokenizer()
    tokens = [len(tokenizer.encode(TEXT[start:end]).ids) for start, end in chunk(TEXT)]
    assert max(tokens) <= TOKENS + 2  # the marks at both ends


def test_chunks_are_as_large_as_is_asked_for() -> None:
    tokenizer = load_tokenizer()
    small = chunk(TEXT, cut=Cut(tokens=60, overlap=10))
    assert len(small) > 2 * len(chunk(TEXT))
    assert max(len(tokenizer.encode(TEXT[start:end]).ids) for start, end in small) <= 62
    assert small == chunk(TEXT, cut=Cut(tokens=60, overlap=10))


@pytest.mark.parametrize(("tokens", "overlap"), [(10, 0), (300, 0), (100, 51), (100, -1)])
def test_a_cut_that_cannot_be_is_refused(tokens: int, overlap: int) -> None:
    with pytest.raises(WrongCut, match="tokens"):
        Cut(tokens, overlap)


def test_most_chunks_of_wrapped_text_end_with_a_sentence() -> None:
    text = PARAGRAPH * 60
    ends = [text[end - 1] for _, end in chunk(text)]
    assert ends.count(".") / len(ends) > 0.6


def test_softening_keeps_length_and_the_breaks_that_mean_something() -> None:
    text = "1.2 A title\nA line that\ngoes on:\n- one\n- two\n\n| a | b |\n| 1 | 2 |\nend"
    soft = soften(text)
    assert len(soft) == len(text)
    assert soft == ("1.2 A title\nA line that goes on:\n- one\n- two\n\n| a | b |\n| 1 | 2 |\nend")


def test_markdown_is_cut_at_its_headings() -> None:
    text = "".join(f"## Part {n}\n\n{PARAGRAPH * 2}\n" for n in range(8))
    starts = [text[start : start + 2] for start, _ in chunk(text, markdown=True)]
    assert starts.count("##") >= 4


def test_a_long_text_is_cut_in_windows_that_say_how_far_they_are() -> None:
    text = PARAGRAPH * (WINDOW // len(PARAGRAPH) + 20)
    seen: list[int] = []
    spans = chunk(text, check=seen.append)
    assert seen[-1] == len(text)
    assert len(seen) == 2
    assert spans[-1][1] == len(text.rstrip())


@pytest.mark.parametrize("mark", [" ", "", "\n", "\n\n"])
def test_whether_it_is_still_wanted_is_asked_before_long(mark: str) -> None:
    text = mark.join(["word"] * 20_000)
    seen = [0]
    chunk(text, check=seen.append)
    assert seen[-1] == len(text)
    assert max(now - before for before, now in pairwise(seen)) <= 20_000


def test_text_without_a_single_space_is_cut_too() -> None:
    spans = chunk("x" * 5000)
    assert spans[0][0] == 0
    assert spans[-1][1] == 5000


def test_blank_text_has_no_chunks() -> None:
    assert chunk(" \n ") == []


def test_another_model_file_is_refused_with_both_checksums(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"another")
    found = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(ImproperlyConfigured, match=f"{found}, expected 0123"):
        verified(path, "0123", "SETTING")
    with pytest.raises(ImproperlyConfigured, match="SETTING: no such file"):
        verified(None, "0123", "SETTING")
