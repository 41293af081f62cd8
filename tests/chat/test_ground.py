"""Replies that rest on documents, found by the real embedder and index."""

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from chat import sessions, turns
from chat.models import Source
from chat.turns import NotTaken
from documents.intake import remove
from documents.models import Document
from rag.answer import NOTHING_FOUND
from rag.process import GONE, NO_DOCUMENTS, NOT_READY
from realtime.models import Job, Status
from tests.chat.talk import (
    Events,
    EventsOf,
    answered,
    begun,
    chunks_of,
    say,
    statuses_of,
    written,
)
from tests.model_server import ModelServer
from tests.rag.conftest import Ready, ready
from tests.rag.test_retrieve import BEES, SHIPS

__all__ = ["ready"]
pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "How many eggs does a queen bee lay a day?"


def stages(events: Events, query_id: str) -> list[tuple[str, int, str]]:
    return [
        (event["stage"], event["progress"], event["message"])
        for event in events
        if event["type"] == "rag_progress" and event["queryId"] == query_id
    ]


def test_a_grounded_reply_tells_its_stages_and_keeps_its_sources(
    ann: User, model: ModelServer, ready: Ready, events_of: EventsOf
) -> None:
    document = ready(ann, "bees.txt", BEES)
    ready(ann, "ships.txt", SHIPS)
    reply = answered(begun(ann, use_documents=True), QUESTION)
    assert stages(events_of(ann), str(reply.pk)) == [
        ("EMBEDDING", 20, "Generating query embedding"),
        ("RETRIEVAL", 40, "Retrieving relevant chunks"),
        ("RETRIEVAL", 50, "Found 2 relevant chunks"),
    ]
    assert statuses_of(events_of(ann), reply) == [
        "QUEUED", "WRITING", "WRITING EMBEDDING", "WRITING RETRIEVAL", "WRITING GENERATION",
        "COMPLETE GENERATION",
    ]  # fmt: skip
    first, second = reply.sources.all()
    assert (first.rank, first.document, second.rank) == (1, document, 2)
    system, question = model.asked[-1]["messages"]
    assert "cite the passages" in system["content"]
    assert "2,000 eggs" in question["content"]
    assert question["content"].endswith(f"Question: {QUESTION}")


def test_citations_lead_to_their_passages_and_others_are_left_out(
    ann: User, model: ModelServer, ready: Ready, events_of: EventsOf
) -> None:
    document = ready(ann, "bees.txt", BEES)
    session = begun(ann, use_documents=True)
    reply = answered(session, "Repeat: Up to 2,000 a day [1, 9]. Or more [ 7 ].\n\nSo be it [1]")
    assert reply.content == "Up to 2,000 a day [1]. Or more.\n\nSo be it [1]"
    html = "".join(b for c in chunks_of(events_of(ann), reply) for b in c.get("blocks", []))
    assert f'href="/documents/{document.pk}/?page=1&amp;start=' in html
    assert 'class="citation"' in html


def test_a_reply_that_is_not_grounded_keeps_its_brackets(ann: User, model: ModelServer) -> None:
    assert answered(begun(ann), "Repeat: x[7] and [9]").content == "x[7] and [9]"


def test_only_the_chosen_documents_are_asked(ann: User, model: ModelServer, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    ships = ready(ann, "ships.txt", SHIPS)
    session = begun(ann, use_documents=True, document_ids=[ships.pk])
    reply = answered(session, QUESTION)
    assert {source.document_name for source in reply.sources.all()} == {"ships.txt"}


def test_a_conversation_whose_documents_are_gone_says_so_and_asks_no_others(
    ann: User, model: ModelServer, ready: Ready
) -> None:
    ready(ann, "bees.txt", BEES)
    ships = ready(ann, "ships.txt", SHIPS)
    session = begun(ann, use_documents=True, document_ids=[ships.pk])
    remove(Document.objects.get(pk=ships.pk))
    assert answered(session, QUESTION).content == GONE
    assert not model.asked
    sessions.set_up(session, document_ids=[], collection_ids=[])
    reply = answered(session, QUESTION)
    assert {source.document_name for source in reply.sources.all()} == {"bees.txt"}


def test_without_documents_or_before_they_are_ready_the_reply_says_so(
    ann: User, model: ModelServer, ready: Ready
) -> None:
    session = begun(ann, use_documents=True)
    reply = answered(session, QUESTION)
    assert (reply.content, reply.model) == (NO_DOCUMENTS, "")
    document = ready(ann, "bees.txt", BEES)
    Job.objects.filter(pk=document.job_id).update(status=Status.RUNNING)
    assert answered(session, QUESTION).content == NOT_READY
    assert not model.asked


def test_the_tiny_model_that_comes_along_is_not_trusted_with_documents(
    ann: User, ready: Ready, settings: Settings
) -> None:
    settings.LLM_BASE_URL, settings.EMBEDDED_LLM_URL = "", "http://127.0.0.1:1/v1"
    settings.EMBEDDED_LLM_MODEL, settings.EMBEDDED_LLM_CONTEXT_TOKENS = "tiny", 4_096
    ready(ann, "bees.txt", BEES)
    session = begun(ann, use_documents=True)
    reply = answered(session, QUESTION)
    assert reply.content.startswith("A queen bee lays up to 2,000 eggs a day. [1]")
    assert reply.model == "extractive"
    assert answered(session, "Who invented the PostgreSQL port?").content == NOTHING_FOUND


def test_a_short_question_is_understood_from_the_one_before_it(
    ann: User, model: ModelServer, ready: Ready
) -> None:
    ready(ann, "bees.txt", BEES)
    ready(ann, "ships.txt", SHIPS)
    session = begun(ann, use_documents=True)
    answered(session, QUESTION)
    reply = answered(session, "And a drone?")
    assert reply.sources.all()[0].document_name == "bees.txt"


def test_bob_s_documents_cannot_be_chosen_nor_found(
    ann: User, bob: User, model: ModelServer, ready: Ready
) -> None:
    document = ready(bob, "bees.txt", BEES)
    session = begun(ann, use_documents=True)
    with pytest.raises(NotTaken, match="documents are not there"):
        sessions.set_up(session, document_ids=[document.pk])
    assert answered(session, QUESTION).content == NO_DOCUMENTS
    session.documents.set([document])  # were it shared once, and is no longer
    assert answered(session, QUESTION).content == NO_DOCUMENTS


def test_a_removed_document_leaves_its_passages_where_they_were_cited(
    ann: User, model: ModelServer, ready: Ready
) -> None:
    document = ready(ann, "bees.txt", BEES)
    reply = answered(begun(ann, use_documents=True), "Repeat: So it is [1].")
    remove(Document.objects.get(pk=document.pk))
    [source] = reply.sources.all()
    assert (source.document, source.document_name) == (None, "bees.txt")
    assert "2,000 eggs" in source.text


def test_a_retry_looks_for_passages_anew(ann: User, model: ModelServer, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    reply = written(say(begun(ann, use_documents=True), "Fail with 401 once"))
    assert reply.sources.count() == 1
    ready(ann, "ships.txt", SHIPS)
    assert turns.retry(reply)
    assert written(reply).content == "Well."
    assert Source.objects.count() == 2
