import pytest

from rag.sentences import sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Ask Dr. Who, e.g. today. Then go.", ["Ask Dr. Who, e.g. today.", "Then go."]),
        ("Version 2.0 is out. Get it.", ["Version 2.0 is out.", "Get it."]),
        ("J. R. Smith came. He saw.", ["J. R. Smith came.", "He saw."]),
        ('He said "no." She left.', ['He said "no."', "She left."]),
        ("今日は晴れ。明日は雨！終わり", ["今日は晴れ。", "明日は雨！", "終わり"]),
        ("A heading\n\nThe text. More\ntext.", ["A heading", "The text.", "More\ntext."]),
        ("It has:\n- one thing\n- another", ["It has:", "- one thing", "- another"]),
        ("Wait... what? Yes.", ["Wait...", "what?", "Yes."]),
        ("1. First do this. 2. Then that.", ["1. First do this.", "2. Then that."]),
        ("It was in 1999. Then it ended.", ["It was in 1999.", "Then it ended."]),
        ("  \n ", []),
    ],
)
def test_a_text_is_split_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert split(text) == expected


def test_nothing_but_white_space_is_lost() -> None:
    text = "Some text. With (brackets.) And more...\n\nThe end? Yes. "
    assert "".join("".join(split(text)).split()) == "".join(text.split())
