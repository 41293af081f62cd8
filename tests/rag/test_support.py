"""What a model wrote, against the passages it was given."""

from rag.embedder import MiniLM
from rag.support import unsupported
from rag.written import fitted, prompt
from tests.rag.test_answer import BEES, SHIPS, passage

PASSAGES = [passage(1, BEES), passage(2, SHIPS)]


def doubted(answer: str) -> list[str]:
    return unsupported(answer, PASSAGES, MiniLM())


def test_what_the_passages_say_is_borne_out() -> None:
    assert doubted("A queen bee lays up to 2000 eggs each day [1]. The harbour is old.") == []


def test_a_number_that_stands_nowhere_is_not() -> None:
    assert doubted("A queen bee lays up to 5,000 eggs a day [1].") == [
        "A queen bee lays up to 5,000 eggs a day."
    ]


def test_a_number_of_another_passage_is_not() -> None:
    assert doubted("The harbour has a lighthouse of 31 metres. [2]") == []
    assert doubted("The harbour has a lighthouse of 31 metres. [1]") != []


def test_a_statement_from_elsewhere_is_not() -> None:
    answer = "PostgreSQL listens for connections of clients on its own port."
    assert doubted(answer) == [answer]


def test_passages_are_fitted_to_the_context_the_best_first() -> None:
    long = [passage(rank, f"{rank} " + "word " * 500) for rank in (1, 2, 3)]
    assert [each.rank for each in fitted("What?", long, 8192)] == [1, 2, 3]
    assert [each.rank for each in fitted("What?", long, 2300)] == [1, 2]
    (only,) = fitted("What?", long, 1200)
    assert 0 < len(only.text) < len(long[0].text)
    assert len(prompt("What?", [only])) == 2
