"""The spine: from an uploaded document to a cited answer, by the API and by the commands."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live.tab import Tab
from tests.manual import make_manual
from tests.stack import ROOT, LiveStack, until

QUESTION = "What does the with statement do with a context manager?"
STAGES = ["STARTED", "EMBEDDING", "RETRIEVAL", "GENERATION", "COMPLETE"]


def shown(client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def finished(client: httpx.Client, path: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        body = shown(client, path)
        ends = {"READY", "FAILED", "CANCELLED", "COMPLETE"}
        return body if {body.get("status"), body.get("stage")} & ends else None

    body = until(ended, within=170, every=0.1)
    assert body is not None
    return body


def ask(client: httpx.Client, question: str = QUESTION, **options: int) -> str:
    answer = client.post("/api/rag/queries", json={"question": question} | options)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["queryId"])


@pytest.fixture(scope="module")
def manual(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A real PDF of ann's, ready."""
    path = make_manual(tmp_path_factory.mktemp("pdf") / "manual.pdf", ("with", "try", "lambda"))
    with stack.client("ann") as ann:
        answer = ann.post("/api/documents", files={"file": (path.name, path.read_bytes())})
        taken = answer.json()["documents"][0]
        body = finished(ann, f"/api/documents/{taken['documentId']}")
    assert body["status"] == "READY", body
    return body


def test_a_pdf_is_read_page_by_page(manual: dict[str, Any]) -> None:
    assert manual["mediaType"] == "application/pdf"
    assert manual["pages"] > 3
    assert manual["chunks"] > manual["pages"]
    assert set(manual["timings"]) == {"EXTRACTING", "CHUNKING", "EMBEDDING", "INDEXING"}
    assert manual["message"] == f"{manual['chunks']} chunks from {manual['pages']} pages"


def test_every_stage_reaches_the_socket_and_the_answer_streams(
    stack: LiveStack, ann: httpx.Client, manual: dict[str, Any]
) -> None:
    tab = Tab(stack, ann).resume()
    tab.next()
    query_id = ask(ann)
    stages: list[tuple[str, int, str]] = []
    text, complete = "", False
    while True:
        event = tab.next()
        if event["type"] == "message_chunk":
            assert event["queryId"] == event["messageId"] == query_id
            assert event["contentOffset"] == len(text)
            text += event["content"]
            complete = event["isComplete"]
        elif event.get("queryId") == query_id:
            stages.append((event["stage"], event["progress"], event["message"]))
            if event["terminal"]:
                break
    names = [stage for stage, _, _ in stages if stage != "QUEUED"]
    assert [name for n, name in enumerate(names) if name not in names[:n]] == STAGES
    assert ("STARTED", 0, "Processing query") in stages
    assert ("EMBEDDING", 20, "Generating query embedding") in stages
    assert ("RETRIEVAL", 40, "Retrieving relevant chunks") in stages
    assert ("RETRIEVAL", 50, "Found 5 relevant chunks") in stages
    assert ("GENERATION", 70, "Generating response") in stages
    assert stages[-1] == ("COMPLETE", 100, "Query processing complete")
    assert complete
    assert event["result"]["answer"] == text == shown(ann, f"/api/rag/queries/{query_id}")["answer"]


def test_every_citation_is_of_a_passage_and_every_quote_stands_in_it(
    ann: httpx.Client, manual: dict[str, Any]
) -> None:
    query = finished(ann, f"/api/rag/queries/{ask(ann)}")
    passages = {passage["rank"]: passage for passage in query["passages"]}
    cited = [int(rank) for rank in re.findall(r"\[(\d+)\]", query["answer"])]
    assert cited
    for quote in query["answer"].split("\n\n"):
        words, rank = re.fullmatch(r"(.+) \[(\d+)\]", quote, re.S).groups()  # type: ignore[union-attr]
        passage = passages[int(rank)]
        assert words in " ".join(passage["text"].split())
        page = shown(ann, f"/api/documents/{passage['documentId']}/pages/{passage['page']}")
        place = page["text"][passage["start"] : passage["end"]]
        assert passage["text"].startswith(place)


def test_what_the_documents_do_not_say_is_said_plainly(
    ann: httpx.Client, manual: dict[str, Any]
) -> None:
    query = finished(ann, f"/api/rag/queries/{ask(ann, 'Who won the chess cup in Oslo?')}")
    assert query["stage"] == "COMPLETE"
    assert query["answer"] == "I found nothing in your documents that answers this."


def test_bob_has_no_documents_and_is_told_so(stack: LiveStack, manual: dict[str, Any]) -> None:
    with stack.client("bob") as bob:
        for document in bob.get("/api/documents").json()["documents"]:
            bob.delete(f"/api/documents/{document['documentId']}").raise_for_status()
        query = finished(bob, f"/api/rag/queries/{ask(bob)}")
        assert query["passages"] == []
        assert "no documents" in query["answer"]
        assert bob.get(f"/api/documents/{manual['documentId']}").status_code == 404


def test_a_long_ingest_does_not_hold_up_a_question(
    ann: httpx.Client, manual: dict[str, Any]
) -> None:
    text = " ".join(f"Sentence number {n} speaks of nothing at all." for n in range(3000))
    answer = ann.post("/api/documents", files={"file": ("long.txt", text.encode())})
    document_id = answer.json()["documents"][0]["documentId"]
    path = f"/api/documents/{document_id}"
    until(lambda: shown(ann, path)["stage"] == "EMBEDDING", within=60)
    began = time.monotonic()
    assert finished(ann, f"/api/rag/queries/{ask(ann)}")["stage"] == "COMPLETE"
    assert shown(ann, path)["status"] == "PROCESSING", "the ingest was too short for this test"
    assert time.monotonic() - began < 15
    ann.delete(path)


class TestCommands:
    def test_ask_streams_the_answer_and_names_its_sources(
        self, stack: LiveStack, manual: dict[str, Any]
    ) -> None:
        done = stack.manage("ask", QUESTION, "--owner", "ann")
        assert done.returncode == 0, done.stderr
        assert "[1]" in done.stdout
        assert manual["name"] in done.stdout

    def test_ingest_waits_and_says_which_failed(
        self, stack: LiveStack, tmp_path: Path, manual: dict[str, Any]
    ) -> None:
        (tmp_path / "good.md").write_text("# Good\n\nThis is good.")
        (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7\nnothing more")
        (tmp_path / "empty.txt").touch()
        done = stack.manage("ingest", str(tmp_path), "--owner", "bob", "--wait", "--json")
        assert done.returncode != 0
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        last = {Path(line["path"]).name: line["status"] for line in lines}
        assert last == {"good.md": "READY", "bad.pdf": "FAILED", "empty.txt": "FAILED"}

    def test_jobs_lists_shows_and_retries(self, stack: LiveStack, manual: dict[str, Any]) -> None:
        listed = stack.manage("jobs", "list", "--owner", "bob", "--status", "failed", "--json")
        [failed, *_] = [json.loads(line) for line in listed.stdout.splitlines()]
        done = stack.manage("jobs", "retry", failed["jobId"], "--json")
        assert json.loads(done.stdout) == {"jobId": failed["jobId"], "done": True}

        def failed_again() -> bool:
            shown = json.loads(stack.manage("jobs", "show", failed["jobId"], "--json").stdout)
            return bool(shown["status"] == "FAILED" and shown["attempt"] > failed["attempt"])

        until(failed_again, within=30)

    def test_watch_shows_a_person_s_events_as_they_come(
        self, stack: LiveStack, ann: httpx.Client, manual: dict[str, Any]
    ) -> None:
        after = shown(ann, "/api/realtime/snapshot")["asOf"]
        watching = subprocess.Popen(
            [sys.executable, "manage.py", "watch", "--owner", "ann", "--after", after, "--json"],
            cwd=ROOT,
            env=stack.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        stop = threading.Timer(60, watching.kill)
        stop.start()
        try:
            query_id = ask(ann)
            assert watching.stdout
            for line in watching.stdout:
                event = json.loads(line)
                if event.get("queryId") == query_id and event.get("stage") == "COMPLETE":
                    return
            pytest.fail("the watch ended before the answer was complete")
        finally:
            stop.cancel()
            watching.kill()
            watching.wait()
            assert watching.stdout
            watching.stdout.close()

    @pytest.mark.parametrize(
        "arguments",
        [
            ("watch", "--owner", "nobody"),
            ("ask", "Why?", "--owner", "nobody"),
            ("ingest", "/does/not/exist", "--owner", "ann"),
            ("jobs", "show", "no-such-job"),
        ],
    )
    def test_a_mistake_is_one_clear_line(
        self, stack: LiveStack, arguments: tuple[str, ...]
    ) -> None:
        done = stack.manage(*arguments)
        assert done.returncode != 0
        assert len(done.stderr.strip().splitlines()) == 1


class TestLanguageModel:
    """The same product with `LLM_BASE_URL`: the answer is written, here by the embedded model."""

    @pytest.fixture(scope="class")
    def written(
        self, stack: LiveStack, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[LiveStack]:
        servers = stack.running()["environment"]
        other = LiveStack(
            tmp_path_factory.mktemp("written") / "var",
            DATABASE_URL=servers["DATABASE_URL"],
            REDIS_URL=servers["REDIS_URL"].removesuffix("/0") + "/7",
            LLM_BASE_URL=servers["EMBEDDED_LLM_URL"],
            LLM_API_KEY=servers["EMBEDDED_LLM_API_KEY"],
            LLM_MODEL="smollm2-135m-demo",
        )
        yield other
        other.stop()

    def test_the_answer_is_written_by_it_and_cites_only_what_was_found(
        self, written: LiveStack, manual: dict[str, Any]
    ) -> None:
        with written.client("ann") as ann:
            query = finished(ann, f"/api/rag/queries/{ask(ann, topK=2)}")
        assert query["stage"] == "COMPLETE", query
        assert query["answeredBy"] == "smollm2-135m-demo"
        assert len(query["answer"]) > 10
        ranks = {passage["rank"] for passage in query["passages"]}
        assert {int(rank) for rank in re.findall(r"\[(\d+)\]", query["answer"])} <= ranks
