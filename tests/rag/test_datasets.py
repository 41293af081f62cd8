"""The forms that data sets come in."""

import json
from pathlib import Path

import pytest

from rag.datasets import NoDataset, load


def beir(folder: Path, qrels: str = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n") -> Path:
    rows = [
        {"_id": "d1", "title": "Bees", "text": "A queen bee lays up to 2,000 eggs a day."},
        {"_id": "d2", "title": "", "text": "The harbour was built in 1872."},
        {"_id": "d3", "title": "Tea", "text": "Tea is dried in the sun."},
    ]
    questions = [
        {"_id": "q1", "text": "How many eggs does a queen bee lay?", "answers": ["2,000"]},
        {"_id": "q2", "text": "Which port does PostgreSQL use?", "answers": []},
    ]
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, questions)) + "\n\n")
    (folder / "qrels" / "test.tsv").write_text(qrels)
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td2\t1\n")
    return folder


def test_a_beir_folder_is_read_with_its_test_judgements(tmp_path: Path) -> None:
    dataset = load(beir(tmp_path / "small"))
    assert dataset.name == "small"
    assert dataset.documents["d1"] == "Bees\n\nA queen bee lays up to 2,000 eggs a day."
    assert dataset.documents["d2"] == "The harbour was built in 1872."
    assert dataset.judged == {"q1": {"d1": 2, "d2": 0}}
    assert dataset.answers == {"q1": ["2,000"], "q2": []}


def test_trec_files_are_read_although_they_are_no_whole_xml(tmp_path: Path) -> None:
    (tmp_path / "docs.xml").write_text(
        "<doc>\n<docno>7</docno>\n<title>wings .</title>\n<text>wings .\n"
        "they lift &amp; bend</text>"
        "</doc><doc><docno>8</docno><title>tea</title><text>it grows</text></doc>"
    )
    (tmp_path / "topics.xml").write_text(
        "<top><num> 11</num><title>\nwhat do wings do ?\n</title></top>"
        "<top><num> Number: 30 <title> tea <desc> Description: where it grows</top>"
    )
    (tmp_path / "qrels.txt").write_text("1 0 7 3\n2 0 8 1\n2 0 99 1\n")
    dataset = load(tmp_path)
    assert dataset.documents == {"7": "wings .\nthey lift & bend", "8": "tea\n\nit grows"}
    # The judgements count the questions: their own numbers are others.
    assert dataset.questions == {"1": "what do wings do ?", "2": "tea"}
    assert dataset.judged == {"1": {"7": 3}, "2": {"8": 1}}


def test_a_squad_file_knows_what_cannot_be_answered(tmp_path: Path) -> None:
    asked = [
        {"id": "a", "question": "How many?", "answers": [{"text": "2,000"}]},
        {"id": "b", "question": "Who?", "answers": [], "is_impossible": True},
    ]
    paragraph = {"context": "Up to 2,000 a day.", "qas": asked}
    path = tmp_path / "bees.json"
    path.write_text(json.dumps({"data": [{"title": "Bees", "paragraphs": [paragraph]}]}))
    dataset = load(path)
    assert (dataset.name, dataset.documents) == ("bees", {"1": "Up to 2,000 a day."})
    assert (dataset.judged, dataset.answers) == ({"a": {"1": 1}}, {"a": ["2,000"], "b": []})


def test_what_is_no_data_set_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(NoDataset, match=r"corpus\.jsonl, queries\.jsonl and qrels"):
        load(tmp_path)
    with pytest.raises(NoDataset, match="no data set"):
        load(tmp_path / "nowhere")
    with pytest.raises(NoDataset, match="no questions that are judged"):
        folder = beir(tmp_path / "other", "q9\td1\t1\n")
        (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "Bees?"}')
        load(folder)
    (folder / "corpus.jsonl").write_text('{"id": 1}')
    with pytest.raises(NoDataset, match="cannot be read"):
        load(folder)
