"""A new model takes the place of the old; a tiny embedding server of ours is the remote end."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import Settings

from rag.embedder import MINILM_NAME, get_embedder
from rag.in_use import current
from rag.models import Embedding, EmbeddingModel, Indexed
from rag.reindex import KIND, begin, reindex
from rag.retrieve import find
from rag.scope import scope_of
from realtime.models import Job, Status
from realtime.work import Cancelled, SilentReport, run
from tests.rag.conftest import Ready
from tests.rag.test_retrieve import BEES, SHIPS

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "How many eggs does a queen bee lay?"


class Words(BaseHTTPRequestHandler):
    """Vectors of 64 numbers, one for each hash of a word."""

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        data = [{"index": at, "embedding": self.vector(text)} for at, text in enumerate(texts)]
        body = json.dumps({"data": data, "model": "words", "object": "list"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @staticmethod
    def vector(text: str) -> list[float]:
        row = np.full(64, 0.01)
        for word in re.findall(r"\w+", text.lower()):
            row[hashlib.sha256(word.encode()).digest()[0] % 64] += 1
        return [float(value) for value in row]

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def other_model(settings: Settings) -> Iterator[None]:
    """The settings name a server with another model, once they are read anew."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Words)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.EMBEDDING_BASE_URL = f"http://127.0.0.1:{server.server_port}/v1"
    settings.EMBEDDING_MODEL = "words"
    yield
    get_embedder.cache_clear()
    server.shutdown()
    server.server_close()


def models_of_a_search(owner: User) -> set[str]:
    """Whose vectors a question is compared with."""
    embedder = current()
    found = find(scope_of(owner.pk), QUESTION, embedder.embed_question(QUESTION), embedder)
    assert found.passages[0].text == BEES
    assert next(s for s in found.trace["steps"] if s["name"] == "dense")["found"] == 2
    return {embedder.name}


class Watched(SilentReport):
    """Searches at every stage, as people do meanwhile."""

    def __init__(self, owner: User) -> None:
        super().__init__()
        self.owner = owner
        self.seen: list[tuple[str, set[str]]] = []

    def __call__(self, stage: str, progress: int, message: str = "") -> None:
        if stage != self.stage:
            self.seen.append((stage, models_of_a_search(self.owner)))
        super().__call__(stage, progress, message)


def test_the_old_model_answers_until_the_new_one_is_complete(
    ann: User, ready: Ready, settings: Settings, other_model: None
) -> None:
    url, settings.EMBEDDING_BASE_URL = settings.EMBEDDING_BASE_URL, ""
    get_embedder.cache_clear()
    ready(ann, "bees.txt", BEES)
    ready(ann, "ships.txt", SHIPS)
    settings.EMBEDDING_BASE_URL = url
    get_embedder.cache_clear()
    assert models_of_a_search(ann) == {MINILM_NAME}
    report = Watched(ann)
    assert reindex(begin(ann).subject, report) == "2 documents, 2 chunks by words"
    assert report.seen == [
        (stage, {MINILM_NAME}) for stage in ("EMBEDDING", "INDEXING", "SWITCHING")
    ]
    assert models_of_a_search(ann) == {"words"}
    assert EmbeddingModel.objects.get(is_current=True).name == "words"
    assert Embedding.objects.count() == 4
    # What comes in now is embedded by the new one, and the old is no longer needed.
    ready(ann, "tea.txt", "Tea is dried in the sun.")
    assert Embedding.objects.filter(document__name="tea.txt").count() == 1


def test_what_comes_in_meanwhile_is_embedded_by_both(
    ann: User, ready: Ready, settings: Settings, other_model: None
) -> None:
    url, settings.EMBEDDING_BASE_URL = settings.EMBEDDING_BASE_URL, ""
    get_embedder.cache_clear()
    ready(ann, "ships.txt", SHIPS)
    settings.EMBEDDING_BASE_URL = url
    get_embedder.cache_clear()

    class Interrupted(SilentReport):
        def __call__(self, stage: str, progress: int, message: str = "") -> None:
            if stage == "INDEXING":
                raise Cancelled

    with pytest.raises(Cancelled):
        reindex(begin(ann).subject, Interrupted())
    ready(ann, "bees.txt", BEES)
    assert Embedding.objects.filter(document__name="bees.txt").count() == 2
    assert models_of_a_search(ann) == {MINILM_NAME}
    reindex(begin(ann).subject, SilentReport())
    assert models_of_a_search(ann) == {"words"}
    assert Embedding.objects.count() == 4


def test_it_is_a_job_that_can_be_followed(ann: User, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    Indexed.objects.update(language="de")
    job = begin(ann)
    assert begin(ann).pk == job.pk
    run(str(job.pk), reindex)
    job = Job.objects.get(kind=KIND)
    assert (job.status, job.progress) == (Status.DONE, 100), job.error
    assert job.message.startswith("1 document, 1 chunk by all-MiniLM")
    assert set(job.timings) == {"EMBEDDING", "INDEXING", "SWITCHING"}
    assert Indexed.objects.get().language == "en"


def test_the_command_begins_it(ann: User, ready: Ready) -> None:
    out = StringIO()
    call_command("reindex", "--owner", "ann", "--no-wait", stdout=out)
    assert "QUEUED 0 % Waiting to start" in out.getvalue()
    assert Job.objects.filter(kind=KIND, owner=ann).count() == 1
