"""Data sets that retrieval is measured with: BEIR folders, TREC XML, and SQuAD files."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

Judged = dict[str, dict[str, int]]

_DOC = re.compile(r"<doc>(.*?)</doc>", re.DOTALL | re.IGNORECASE)
_TOP = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(r"^\s*(Number|Description|Topic|Narrative):", re.IGNORECASE)


class NoDataset(Exception):
    """The path holds no data set; `str()` says what was looked for."""


@dataclass
class Dataset:
    """Texts by document id, questions by id, and what was judged: a grade above 0 is relevant.

    `answers` holds the accepted answers of questions that have some; an empty list says that the
    documents hold none.
    """

    name: str
    documents: dict[str, str] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)
    judged: Judged = field(default_factory=dict)
    answers: dict[str, list[str]] = field(default_factory=dict)


def load(path: Path) -> Dataset:
    """Raises NoDataset, in words."""
    try:
        dataset = _load(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoDataset(f"{path} cannot be read as a data set: {error!r}") from error
    known = dataset.documents.keys()
    judged = {
        question: {document: grade for document, grade in grades.items() if document in known}
        for question, grades in dataset.judged.items()
        if question in dataset.questions
    }
    dataset.judged = {
        question: grades
        for question, grades in judged.items()
        if any(grade > 0 for grade in grades.values())
    }
    if not dataset.documents or not (dataset.judged or dataset.answers):
        raise NoDataset(f"{path} holds no questions that are judged for its documents.")
    return dataset


def _load(path: Path) -> Dataset:
    if path.is_file() and path.suffix == ".json":
        return _squad(path)
    if (path / "corpus.jsonl").is_file():
        return _beir(path)
    texts = [file.read_text("utf-8", "replace") for file in sorted(path.glob("*.xml"))]
    if any(_DOC.search(text) for text in texts):
        return _trec(path, texts)
    raise NoDataset(
        f"{path} is no data set. It must be a folder with corpus.jsonl, queries.jsonl and "
        "qrels/*.tsv (BEIR), or with XML files of <doc> and <top> and a file of judgements whose "
        "name holds “qrel” (TREC); or a JSON file in the form of SQuAD."
    )


def _titled(title: str, text: str) -> str:
    title, text = title.strip(), text.strip()
    joined = text if _flat(text).startswith(_flat(title)) else f"{title}\n\n{text}"
    return joined.replace("\0", "")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _beir(path: Path) -> Dataset:
    dataset = Dataset(path.name)
    for row in _lines(path / "corpus.jsonl"):
        text = _titled(str(row.get("title") or ""), str(row.get("text") or ""))
        dataset.documents[str(row["_id"])] = text
    for row in _lines(path / "queries.jsonl"):
        dataset.questions[str(row["_id"])] = str(row["text"])
        if isinstance(row.get("answers"), list):
            dataset.answers[str(row["_id"])] = [str(answer) for answer in row["answers"]]
    files = sorted((path / "qrels").glob("*.tsv"))
    # The test part is what others publish figures of.
    for file in [one for one in files if one.stem == "test"] or files:
        with file.open(encoding="utf-8", newline="") as lines:
            for question, document, grade, *_ in csv.reader(lines, delimiter="\t"):
                if grade.lstrip("-").isdecimal():  # else it is the line of names
                    dataset.judged.setdefault(question, {})[document] = int(grade)
    return dataset


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _trec(path: Path, texts: list[str]) -> Dataset:
    dataset = Dataset(path.name)
    topics: list[tuple[str, str]] = []
    for text in texts:
        for found in _DOC.finditer(text):
            body = found[1]
            title, words = _tag(body, "title"), _tag(body, "text")
            dataset.documents[_tag(body, "docno")] = _titled(title, words)
        topics += [(_tag(top, "num"), _tag(top, "title")) for top in _TOP.findall(text)]
    for file in sorted(path.glob("*qrel*")):
        for line in file.read_text("utf-8").splitlines():
            if len(columns := line.split()) >= 4:
                question, _, document, grade, *_ = columns
                dataset.judged.setdefault(question, {})[document] = int(grade)
    numbers = [number for number, _ in topics]
    if not set(dataset.judged) <= set(numbers):  # they count the questions of the file
        numbers = [str(place) for place in range(1, len(topics) + 1)]
    dataset.questions = dict(zip(numbers, (words for _, words in topics), strict=True))
    return dataset


def _tag(text: str, name: str) -> str:
    """What stands in an element, which old files do not always close."""
    found = re.search(rf"<{name}>(.*?)(?=</{name}>|<\w+>|\Z)", text, re.DOTALL | re.IGNORECASE)
    return unescape(_LABEL.sub("", found[1])).strip() if found else ""


def _squad(path: Path) -> Dataset:
    """Each paragraph is a document; a question without an answer is in none of them."""
    dataset = Dataset(path.stem)
    for article in json.loads(path.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            document = str(len(dataset.documents) + 1)
            dataset.documents[document] = paragraph["context"].strip()
            for row in paragraph["qas"]:
                key, answers = str(row["id"]), [one["text"] for one in row["answers"]]
                dataset.questions[key] = row["question"]
                dataset.answers[key] = answers
                if answers:
                    dataset.judged[key] = {document: 1}
    return dataset
