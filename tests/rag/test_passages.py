"""Neighbours become one passage; near-duplicates are left out; the order may be another's."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from rag.embedder import MiniLM
from rag.parts import Parts
from rag.rerank import get_reranker
from rag.retrieve import Found, find
from rag.scope import scope_of
from tests.rag.conftest import Ready
from tests.rag.test_retrieve import BEES, SHIPS

EMBEDDER = MiniLM()
QUESTION = "How many eggs does a queen bee lay?"


def search(owner: User, question: str = QUESTION, **options: object) -> Found:
    vector = EMBEDDER.embed_question(question)
    return find(scope_of(owner.pk), question, vector, EMBEDDER, **options)  # type: ignore[arg-type]


def test_neighbours_are_joined_into_the_document_s_own_text(ann: User, ready: Ready) -> None:
    text = "\n\n".join(
        f"Part {n}. The queen bee of hive {n} lays {n} eggs. " + f"Filler {n}. " * 40
        for n in range(6)
    )
    document = ready(ann, "hives.txt", text)
    whole = document.pages.get().text
    apart = search(ann, top_k=3, parts=Parts(join=False, distinct=False))
    assert len(apart.passages) == 3
    joined = search(ann, top_k=3, parts=Parts(distinct=False))
    assert joined.trace["joined"] > 0
    for passage in joined.passages:
        assert whole[passage.start : passage.end] == passage.text
    longest = max(joined.passages, key=lambda passage: len(passage.text))
    assert len(longest.text) > max(len(chunk.text) for chunk in document.chunks.all())


def test_near_duplicates_are_found_once(ann: User, ready: Ready) -> None:
    for number in range(3):
        ready(ann, f"{number}.txt", BEES + " " * number)
    ready(ann, "ships.txt", SHIPS)
    found = search(ann)
    assert (len(found.passages), found.trace["alike"]) == (2, 2)
    assert len(search(ann, parts=Parts(distinct=False)).passages) == 4


class Reranks(BaseHTTPRequestHandler):
    """Likes ships; refuses when told to."""

    refuses = False

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = [
            {"index": at, "relevance_score": float("harbour" in text)}
            for at, text in enumerate(asked["documents"])
        ]
        self.send_response(500 if Reranks.refuses else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"results": rows[::-1]}).encode())

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def reranker(settings: Settings) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Reranks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.RERANK_BASE_URL = f"http://127.0.0.1:{server.server_port}/v1"
    get_reranker.cache_clear()
    yield
    get_reranker.cache_clear()
    Reranks.refuses = False
    server.shutdown()
    server.server_close()


def test_a_reranker_orders_the_best_and_can_be_switched_off(
    ann: User, ready: Ready, reranker: None
) -> None:
    ready(ann, "bees.txt", BEES)
    ready(ann, "ships.txt", SHIPS)
    assert search(ann).passages[0].text == SHIPS
    assert search(ann).trace["steps"][-1]["name"] == "reranked"
    assert search(ann, parts=Parts(rerank=False)).passages[0].text == BEES


def test_a_reranker_that_is_away_changes_nothing_and_is_noted(
    ann: User, ready: Ready, reranker: None
) -> None:
    ready(ann, "bees.txt", BEES)
    ready(ann, "ships.txt", SHIPS)
    Reranks.refuses = True
    found = search(ann)
    assert found.passages[0].text == BEES
    assert found.trace["notes"] == ["The reranking server refuses the request (500)."]
