import pytest

from rag.citations import Known, only_known, without_citations


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is so [1]. And so [9].", "It is so [1]. And so."),
        ("Both [1, 2] and [2; 7].", "Both [1][2] and [2]."),
        ("An [aside] and a [ list", "An [aside] and a [ list"),
        ("Open to the end [1", "Open to the end [1"),
        ("Code a[0] is not a citation of ours", "Code a is not a citation of ours"),
        ("  Spaces stay  ", "  Spaces stay  "),
    ],
)
def test_only_citations_of_passages_stay_however_the_text_is_cut(text: str, expected: str) -> None:
    assert "".join(only_known([text], Known({1, 2}))) == expected
    assert "".join(only_known(list(text), Known({1, 2}))) == expected


def test_what_was_taken_away_is_known() -> None:
    known = Known({1, 2})
    assert "".join(only_known(["So [1, 9", "]. And [7]."], known)) == "So [1]. And."
    assert known.invented == {7, 9}


def test_text_flows_before_the_end() -> None:
    pieces = only_known(iter(["A word", " and", " more [1", "] then"]), Known({1}))
    assert next(pieces) == "A word"
    assert list(pieces) == [" and", " more", " [1] then"]


def test_a_quote_loses_the_citations_of_its_source() -> None:
    assert without_citations("It is so [3] and so [4, 5].") == "It is so and so."
