"""Questions and conversations that are limited to collections."""

import json
import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client

from chat import sessions
from chat.turns import NotTaken
from documents import filing
from documents.models import Document
from rag import lexical
from rag.embedder import MiniLM
from rag.limits import Limits
from rag.models import Query
from rag.process import NOTHING_THERE, why_nothing
from rag.retrieve import retrieve
from rag.scope import corpus_of, scope_of
from tests.rag.conftest import Ready
from tests.rag.test_retrieve import BEES, SHIPS

EMBEDDER = MiniLM()
QUESTION = "How many eggs does a queen lay?"


def found(owner: User, limits: Limits) -> list[uuid.UUID]:
    vector = EMBEDDER.embed_question(QUESTION)
    passages = retrieve(owner.pk, QUESTION, vector, EMBEDDER, limits=limits)
    return [passage.document_id for passage in passages]


def test_a_search_finds_only_what_is_in_the_collections_or_named_beside_them(
    ann: User, ready: Ready
) -> None:
    bees, ships = ready(ann, "bees.txt", BEES), ready(ann, "ships.txt", SHIPS)
    other = ready(ann, "eggs.txt", "A queen lays eggs: so they say.")
    harbour = filing.create(ann, "Harbour")
    filing.move(Document.objects.filter(pk=ships.pk), harbour)
    assert found(ann, Limits(collections=(harbour.pk,))) == [ships.pk]
    scope = scope_of(ann.pk, Limits(collections=(harbour.pk,)))
    assert lexical.search(scope, corpus_of(scope), QUESTION, 10) == []
    both = Limits(documents=(bees.pk,), collections=(harbour.pk,))
    assert set(found(ann, both)) == {bees.pk, ships.pk}
    assert set(found(ann, Limits())) == {bees.pk, ships.pk, other.pk}


def test_an_empty_collection_says_so(ann: User, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    empty = filing.create(ann, "Empty")
    assert why_nothing(ann.pk) == ""
    assert why_nothing(ann.pk, Limits(collections=(empty.pk,))) == NOTHING_THERE


def test_only_my_own_collections_can_be_asked(ann: User, bob: User, client: Client) -> None:
    mine, theirs = filing.create(ann, "Mine"), filing.create(bob, "Theirs")
    client.force_login(ann)

    def ask(collection: uuid.UUID) -> int:
        body = json.dumps({"question": "What?", "collectionIds": [str(collection)]})
        return client.post("/api/rag/queries", body, content_type="application/json").status_code

    assert (ask(mine.pk), ask(theirs.pk), ask(uuid.uuid4())) == (202, 404, 404)
    query = Query.objects.get()
    assert Limits.of(query) == Limits(collections=(mine.pk,))
    shown = client.get(f"/api/rag/queries/{query.pk}").json()
    assert shown["collectionIds"] == [str(mine.pk)]
    session = sessions.begin(ann)
    sessions.set_up(session, collection_ids=[mine.pk])
    assert Limits.of(session) == Limits(collections=(mine.pk,))
    with pytest.raises(NotTaken, match="collections are not there"):
        sessions.set_up(session, collection_ids=[theirs.pk])
