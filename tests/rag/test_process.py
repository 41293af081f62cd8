"""A question's whole work, inside a real job, with real parts."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from pytest_django import Settings

from documents.intake import take_in
from documents.process import process as process_document
from rag import process
from rag.answer import NOTHING_FOUND
from rag.ask import MOST_CHARACTERS, NotAsked, ask
from rag.models import Query
from realtime import jobs
from realtime.models import Job, Status
from realtime.work import run
from tests import contract
from tests.rag.conftest import Ready
from tests.rag.test_language_model import BadServer, Handler, event, pieces, server, status
from tests.rag.test_retrieve import BEES, SHIPS

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)
Events = list[dict[str, object]]
QUESTION = "How many eggs does a queen bee lay a day?"


@pytest.fixture
def events_of() -> Callable[[User], Events]:
    def read(user: User) -> Events:
        with redis.Redis.from_url(settings.REALTIME_REDIS_URL) as client:
            entries = client.xrange(f"rt:{{{user.pk}}}:stream")
        return [msgspec.json.decode(fields[b"e"]) for _, fields in entries]

    return read


@pytest.fixture(autouse=True)
def empty_log() -> None:
    with redis.Redis.from_url(settings.REALTIME_REDIS_URL) as client:
        client.flushall()


def answered(query: Query) -> Query:
    run(str(query.job_id), process.answer_query)
    return Query.objects.select_related("job").get(pk=query.pk)


def test_an_answer_goes_through_the_stages_and_streams(
    ann: User, ready: Ready, events_of: Callable[[User], Events]
) -> None:
    ready(ann, "bees.txt", BEES)
    ready(ann, "ships.txt", SHIPS)
    query = answered(ask(ann, QUESTION))
    assert query.job.status == Status.DONE, query.job.error
    assert query.answer.startswith("A queen bee lays up to 2,000 eggs a day. [1]")
    assert query.answered_by == "extractive"
    mine = [event for event in events_of(ann) if event.get("queryId") == str(query.pk)]
    stages = [
        (e["stage"], e["progress"], e["message"]) for e in mine if e["type"] == "rag_progress"
    ]
    assert stages[1:] == [
        ("STARTED", 0, "Processing query"),
        ("EMBEDDING", 20, "Generating query embedding"),
        ("RETRIEVAL", 40, "Retrieving relevant chunks"),
        ("RETRIEVAL", 50, "Found 2 relevant chunks"),
        ("GENERATION", 70, "Generating response"),
        ("COMPLETE", 100, "Query processing complete"),
    ]
    result = mine[-1]["result"]
    assert isinstance(result, dict)
    assert result["answer"] == query.answer
    assert set(result["passages"][0]) == {
        "rank", "documentId", "documentName", "page", "start", "end", "score",
    }  # fmt: skip
    chunks = [event for event in mine if event["type"] == "message_chunk"]
    assert "".join(str(chunk["content"]) for chunk in chunks) == query.answer
    assert [chunk["isComplete"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    offset = 0
    for chunk in chunks:
        assert chunk["contentOffset"] == offset
        offset += len(str(chunk["content"]))


def test_all_that_work_says_is_in_the_contract(
    ann: User, tmp_path: Path, settings: Settings, events_of: Callable[[User], Events]
) -> None:
    settings.MEDIA_ROOT = tmp_path
    document = take_in(ann, ContentFile(BEES.encode()), "bees.txt").document
    run(str(document.job_id), process_document)
    answered(ask(ann, QUESTION))
    told = events_of(ann)
    assert {said.get("stage") for said in told} >= {"", "INDEXING", "COMPLETE"}
    for said in told:
        contract.validator(str(said["type"])).validate({"id": "e-2", "prev": "e-1"} | said)


def test_without_documents_the_answer_says_so(ann: User) -> None:
    query = answered(ask(ann, QUESTION))
    assert (query.job.status, query.answer) == (Status.DONE, process.NO_DOCUMENTS)


def test_documents_that_are_not_ready_are_said_to_be_so(ann: User, ready: Ready) -> None:
    document = ready(ann, "bees.txt", BEES)
    Job.objects.filter(pk=document.job_id).update(status=Status.RUNNING)
    assert answered(ask(ann, QUESTION)).answer == process.NOT_READY
    Job.objects.filter(pk=document.job_id).update(status=Status.FAILED)
    assert answered(ask(ann, QUESTION)).answer == process.NONE_READY


def test_what_the_documents_do_not_say_is_said_plainly(ann: User, ready: Ready) -> None:
    ready(ann, "ships.txt", SHIPS)
    query = answered(ask(ann, "Who invented the PostgreSQL port?"))
    assert (query.job.status, query.answer) == (Status.DONE, NOTHING_FOUND)


def test_a_language_model_writes_and_cites_only_what_was_found(
    ann: User, ready: Ready, server: BadServer, settings: Settings
) -> None:
    settings.LLM_BASE_URL, settings.LLM_MODEL = server.url, "a-model"
    server.answers = [pieces("Up to 2,000", " a day [", "1]. Or more [7].")]
    ready(ann, "bees.txt", BEES)
    query = answered(ask(ann, QUESTION))
    assert query.answer == "Up to 2,000 a day [1]. Or more."
    assert query.answered_by == "a-model"


def test_a_model_server_that_is_away_is_told_and_a_retry_works(
    ann: User,
    ready: Ready,
    server: BadServer,
    settings: Settings,
    events_of: Callable[[User], Events],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.LLM_BASE_URL, settings.LLM_MODEL = server.url, "a-model"
    server.answers = [status(503)]
    ready(ann, "bees.txt", BEES)
    query = answered(ask(ann, QUESTION))
    assert query.job.status == Status.FAILED
    assert "has an error of its own (503)" in query.job.error
    said = [str(event.get("message")) for event in events_of(ann)]
    assert any("Trying again in 2 s" in words for words in said)
    server.answers = [pieces("Up to 2,000 a day [1].")]
    assert jobs.retry(query.job)
    query = answered(query)
    assert (query.job.status, query.answer) == (Status.DONE, "Up to 2,000 a day [1].")
    assert query.passages.count() == 1


def test_a_cancel_keeps_what_was_written(
    ann: User, ready: Ready, server: BadServer, settings: Settings
) -> None:
    settings.LLM_BASE_URL, settings.LLM_MODEL = server.url, "a-model"
    ready(ann, "bees.txt", BEES)
    query = ask(ann, QUESTION)
    text = "x" * 600

    def slow(handler: Handler) -> None:
        pieces(text, finish=False)(handler)
        while Query.objects.get(pk=query.pk).answer != text:
            time.sleep(0.02)
        assert jobs.cancel(Job.objects.get(pk=query.job_id))
        connection.close()
        handler.wfile.write(event("y" * 600))

    server.answers = [slow]
    query = answered(query)
    assert (query.job.status, query.answer) == (Status.CANCELLED, text)


def test_a_question_must_be_one(ann: User, bob: User, ready: Ready) -> None:
    for words in ("", "  \n", "\u200b?", "\0"):
        with pytest.raises(NotAsked, match="Write a question first"):
            ask(ann, words)
    with pytest.raises(NotAsked, match=r"20,000 characters, and at most 4,000"):
        ask(ann, "x" * 20_000)
    ask(ann, "x" * MOST_CHARACTERS)


def test_bob_cannot_ask_anns_documents(ann: User, bob: User, ready: Ready) -> None:
    document = ready(ann, "bees.txt", BEES)
    with pytest.raises(type(document).DoesNotExist):
        ask(bob, QUESTION, [document.pk])
    with pytest.raises(type(document).DoesNotExist):
        ask(ann, QUESTION, [uuid.uuid4()])


def test_a_sentence_longer_than_an_event_is_sent_in_pieces(
    ann: User, ready: Ready, events_of: Callable[[User], Events]
) -> None:
    genome = "acgt" * 5000  # one word, one token
    ready(ann, "genome.txt", f"The genome of the queen bee reads {genome} and ends there.")
    query = answered(ask(ann, "How does the genome of the queen bee read?"))
    assert query.job.status == Status.DONE, query.job.error
    assert genome in query.answer
    chunks = [event for event in events_of(ann) if event["type"] == "message_chunk"]
    assert "".join(str(chunk["content"]) for chunk in chunks) == query.answer
    assert [chunk["isComplete"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_halves_of_characters_are_left_out_of_a_question(ann: User) -> None:
    assert ask(ann, "What \ud800is\0 it?").question == "What is it?"
