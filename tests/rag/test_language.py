import pytest

from rag.language import language_of
from rag.terms import terms


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("When was the harbour built?", "en"),
        ("Wann wurde der Hafen gebaut?", "de"),
        ("¿Cuándo se construyó el puerto?", "es"),
        ("Quand le port est-il construit par les habitants ?", "fr"),
        ("这个港口是什么时候建造的？", "zh"),
        ("この港はいつ建てられましたか", "ja"),
        ("Когда была построена гавань?", "ru"),
        ("PostgreSQL 17", "en"),
        ("", "en"),
    ],
)
def test_the_language_of_a_text_is_told(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_text_that_tells_nothing_is_in_the_language_of_the_rest() -> None:
    assert language_of("PostgreSQL 17", "de") == "de"


def test_words_are_stemmed_in_their_language() -> None:
    assert terms("Die Häuser und das Haus", "de") == ["haus", "haus"]
    assert terms("Las casas de la ciudad", "es") == ["cas", "ciud"]
    assert terms("灯塔高31米", "zh") == ["灯塔", "塔高", "31", "米"]
    assert terms("The houses", "tlh") == terms("The houses", "en")
