"""`manage.py evaluate` on a small data set, with the real embedder and database."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, connections

from documents.models import Document
from rag import own_schema
from rag.answers_measured import Answered, best_threshold, summary
from rag.management.commands import evaluate as command
from rag.models import Embedding, Posting
from tests.rag.conftest import Ready
from tests.rag.test_datasets import beir

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "FOLDER", tmp_path / "evaluation")
    return tmp_path


def evaluate(dataset: Path, folder: Path, *options: str) -> str:
    out = StringIO()
    history = str(folder / "history.jsonl")
    call_command("evaluate", str(dataset), "--history", history, *options, stdout=out)
    return out.getvalue()


def measured(dataset: Path, folder: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(evaluate(dataset, folder, "--json", *options))
    return found


def test_the_figures_of_each_part_and_of_the_peers_are_printed(folder: Path) -> None:
    found = measured(beir(folder / "small"), folder)
    assert set(found["figures"]) == {"bare BM25", "bare embedder", "lexical", "dense", "fused"}
    for values in found["figures"].values():
        assert values["nDCG@10"] == values["Recall@10"] == values["MRR@10"] == 1
        assert values["ms"] > 0
    assert found["answers"]["answers with the gold text"] == 1
    assert found["answers"]["first citation right"] == 1
    assert found["answers"]["silent where nothing answers"] == 1
    assert all(found["met"].values())


def test_nobodys_documents_are_touched_and_nothing_is_left(
    folder: Path, ann: User, ready: Ready
) -> None:
    document = ready(ann, "bees.txt", "A queen bee lays up to 2,000 eggs a day.")
    counts = [model.objects.count() for model in (User, Document, Embedding, Posting)]
    measured(beir(folder / "small"), folder)
    assert [model.objects.count() for model in (User, Document, Embedding, Posting)] == counts
    assert Document.objects.get().pk == document.pk
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [own_schema.NAME])
        assert cursor.fetchone() == (0,)
        cursor.execute("SHOW search_path")
        assert own_schema.NAME not in cursor.fetchone()[0]


def test_two_runs_can_be_compared_and_a_change_for_the_worse_is_seen(folder: Path) -> None:
    dataset = beir(folder / "small")
    evaluate(dataset, folder, "--label", "before")
    history = folder / "history.jsonl"
    run = json.loads(history.read_text())
    run["figures"]["fused"]["nDCG@10"], run["label"] = 0.9, "after"
    with history.open("a") as lines:
        lines.write(json.dumps(run) + "\n")
    told = evaluate(dataset, folder, "--compare", "before", "after")
    assert "fused nDCG@10: 1.0000 → 0.9000 (-0.1000)  WORSE" in told
    assert "WORSE" in evaluate(dataset, folder, "--compare")
    assert "WORSE" not in evaluate(dataset, folder, "--compare", "2", "1")
    assert "fused nDCG@10: 0.9000 → 1.0000" in evaluate(dataset, folder)
    with pytest.raises(CommandError, match=r"no run other.*1 before"):
        evaluate(dataset, folder, "--compare", "other", "after")


def test_the_figures_are_drawn(folder: Path) -> None:
    path = folder / "figures.png"
    evaluate(beir(folder / "small"), folder, "--plot", str(path))
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_what_is_no_data_set_ends_in_one_line(folder: Path) -> None:
    with pytest.raises(CommandError, match="is no data set"):
        evaluate(folder / "nothing", folder)


def test_one_evaluation_at_a_time(folder: Path) -> None:
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [own_schema._LOCK])
        with pytest.raises(CommandError, match="Another evaluation is running"):
            evaluate(beir(folder / "small"), folder)
    finally:
        other.close()


def answered(score: float, *, has_answer: bool, silent: bool = False) -> Answered:
    right = has_answer and not silent
    return Answered(has_answer, score, right, right, silent)


def test_the_threshold_lies_between_what_can_be_answered_and_what_cannot() -> None:
    known = [answered(score, has_answer=True) for score in (0.6, 0.7, 0.9)]
    unknown = [answered(score, has_answer=False, silent=True) for score in (0.1, 0.3, 0.5)]
    assert 0.5 < best_threshold([*known, *unknown]) <= 0.6
    figures = summary([*known, *unknown, answered(0.9, has_answer=False)])
    assert figures["right, of what is answered"] == 0.75
    assert figures["silent where nothing answers"] == 0.75
