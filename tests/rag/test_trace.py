"""The finished query: what was found how, shown to others, compared, asked again."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from documents import filing
from documents.models import Role, Share
from rag import process, search_page
from rag.ask import ask
from rag.models import Query
from rag.parts import Parts
from rag.search import NoReply
from realtime.models import Job, Status
from realtime.work import run
from tests.documents.test_api import signed_in
from tests.rag.conftest import Ready
from tests.rag.test_retrieve import BEES, SHIPS

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "How many eggs does a queen bee lay a day?"


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def mine(ann: User) -> Client:
    return signed_in(ann)


@pytest.fixture
def query(ann: User, ready: Ready) -> Query:
    """Answered from two documents, one of them twice there."""
    ready(ann, "bees.txt", BEES)
    ready(ann, "ships.txt", SHIPS)
    ready(ann, "copy.txt", BEES + " ")
    return answered(ask(ann, QUESTION))


def answered(query: Query) -> Query:
    run(str(query.job_id), process.answer_query)
    return Query.objects.select_related("job").get(pk=query.pk)


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_trace_says_what_each_part_contributed(query: Query, mine: Client) -> None:
    trace = mine.get(f"/api/rag/queries/{query.pk}").json()["trace"]
    assert [(step["name"], step["found"]) for step in trace["steps"]] == [
        ("lexical", 2), ("dense", 3), ("fused", 3),
    ]  # fmt: skip
    assert all(step["ms"] >= 0 for step in trace["steps"])
    assert (trace["alike"], trace["joined"], trace["chunks"]) == (1, 0, 3)
    assert trace["places"][0].keys() == {"lexical", "dense", "fused"}
    shown = page(mine, f"/ask/{query.pk}/")
    assert "How it was found" in shown
    assert "1 near-duplicate left out" in shown


def test_a_part_that_is_switched_off_takes_no_part(ann: User, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    ready(ann, "ships.txt", SHIPS)
    by_words = answered(ask(ann, QUESTION, parts=Parts(dense=False)))
    assert [step["name"] for step in by_words.trace["steps"]] == ["lexical", "fused"]
    assert by_words.passages.count() == 1
    assert by_words.trace["parts"]["dense"] is False
    by_meaning = answered(ask(ann, QUESTION, parts=Parts(lexical=False)))
    assert [step["name"] for step in by_meaning.trace["steps"]] == ["dense", "fused"]
    assert by_meaning.passages.count() == 2


def test_a_search_needs_one_of_both(mine: Client) -> None:
    body = {"question": QUESTION, "parts": {"dense": False, "lexical": False}}
    refused = mine.post("/api/rag/queries", body, "application/json")
    assert refused.status_code == 422
    assert "by meaning, by words" in refused.json()["detail"]


def test_a_query_is_shown_to_another_and_taken_back(query: Query, mine: Client, bob: User) -> None:
    theirs = signed_in(bob)
    address, api = f"/ask/{query.pk}/", f"/api/rag/queries/{query.pk}"
    for path in (address, api, f"/ask/compare/?a={query.pk}&b={query.pk}"):
        assert theirs.get(path).status_code == 404
    assert mine.post(f"{address}share/", {"username": "bob"}).status_code == 302
    assert theirs.get(api).json()["answer"] == query.answer
    shown = page(theirs, address)
    assert "Shown to you by" in shown
    assert "Run again" not in shown
    for path in (f"{address}again/", f"{address}share/", f"{api}/cancel", f"{api}/again"):
        assert theirs.post(path, {"username": "bob"}).status_code == 404
    assert mine.delete(f"{api}/readers/bob").json() == {"readers": []}
    assert theirs.get(api).status_code == 404
    assert mine.delete(f"{api}/readers/bob").status_code == 404


def test_whom_it_cannot_be_shown_to_is_said(query: Query, mine: Client) -> None:
    api = f"/api/rag/queries/{query.pk}/readers"
    for username, words in (("nobody", "nobody called nobody"), ("ann", "yours already")):
        refused = mine.post(api, {"username": username}, "application/json")
        assert refused.status_code == 422
        assert words in refused.json()["detail"]
        told = mine.post(f"/ask/{query.pk}/share/", {"username": username}).content.decode()
        assert words in told
    Job.objects.filter(pk=query.job_id).update(status=Status.RUNNING)
    refused = mine.post(api, {"username": "bob"}, "application/json")
    assert "still being answered" in refused.json()["detail"]


def test_it_is_asked_again_in_the_same_way(query: Query, mine: Client, ann: User) -> None:
    Query.objects.filter(pk=query.pk).update(parts={"join": False}, top_k=3)
    where = mine.post(f"/ask/{query.pk}/again/")["Location"]
    again = answered(Query.objects.exclude(pk=query.pk).get())
    assert where == f"/ask/{again.pk}/"
    assert (again.question, again.parts, again.top_k) == (QUESTION, {"join": False}, 3)
    compared = page(mine, f"/ask/compare/?a={query.pk}&b={again.pk}")
    assert compared.count("A queen bee lays up to 2,000 eggs a day.") == 2
    assert mine.get(f"/ask/compare/?a={query.pk}&b=what").status_code == 404
    assert mine.get(f"/ask/compare/?a={query.pk}&b={uuid.uuid4()}").status_code == 404


def test_what_was_asked_and_is_gone_is_not_replaced_by_all(
    ann: User, mine: Client, ready: Ready
) -> None:
    ready(ann, "bees.txt", BEES)
    ships = ready(ann, "ships.txt", SHIPS)
    query = ask(ann, QUESTION, [ships.pk])
    ships.delete()
    assert answered(query).answer == process.GONE
    told = mine.post(f"/ask/{query.pk}/again/").content.decode()
    assert "not there any more" in told


def test_a_stranger_is_asked_to_sign_in(query: Query) -> None:
    for path in (f"/ask/{query.pk}/", "/ask/search/", f"/ask/compare/?a={query.pk}&b={query.pk}"):
        assert Client().get(path).status_code == 302
    for path in ("again", "share"):
        assert "sign-in" in Client().post(f"/ask/{query.pk}/{path}/")["Location"]


def test_the_search_page_marks_the_words_and_keeps_its_filters(
    mine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    passage = {
        "rank": 1, "chunk_id": 1, "document_id": uuid.uuid4(), "document_name": "<b>.txt",
        "page": 2, "page_to": 2, "start": 3, "end": 9, "text": "<i>The queen</i> laid eggs.",
        "score": 0.5,
    }  # fmt: skip

    def worker(*arguments: object) -> dict[str, object]:
        asked.append(arguments[1:])
        return {"passages": [passage], "trace": {"chunks": 7, "steps": []}}

    monkeypatch.setattr(search_page, "search", worker)
    pk = uuid.uuid4()
    shown = page(
        mine, f"/ask/search/?q=laying+eggs&source=all&document={pk}&without=dense&without=other"
    )
    expected = {
        "source": "all", "parts": {"dense": False}, "documents": [str(pk)], "collections": [],
    }  # fmt: skip
    assert asked == [("laying eggs", 10, expected)]
    assert "&lt;i&gt;The queen&lt;/i&gt; laid <mark>eggs</mark>." in shown
    assert f"/documents/{passage['document_id']}/?page=2&amp;start=3&amp;end=30#passage" in shown
    assert "&lt;b&gt;.txt" in shown
    assert '<option value="all" selected>' in shown


def test_what_is_no_search_says_why(mine: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: object) -> None:
        raise NoReply("The workers are away.")

    monkeypatch.setattr(search_page, "search", away)
    assert "Write a question first" in page(mine, "/ask/search/?q=+")
    assert "20,000 characters" in page(mine, "/ask/search/?q=" + "x" * 20_000)
    assert "The workers are away" in page(mine, "/ask/search/?q=eggs&source=nobody&document=x")
    assert 'role="alert"' not in page(mine, "/ask/search/")
    assert "by words, or by both" in page(mine, "/ask/search/?q=e&without=dense&without=lexical")


def test_the_composer_offers_what_can_be_asked_and_is_set_as_the_question_was(
    ann: User, bob: User, mine: Client, ready: Ready
) -> None:
    bees, other = ready(ann, "bees.txt", BEES), ready(ann, "other.txt", SHIPS)
    theirs = ready(bob, "secret.txt", BEES)
    hive = filing.create(ann, "Hive")
    shown = page(mine, f"/ask/?document={bees.pk}&document={theirs.pk}&collection={hive.pk}")
    assert "2 chosen" in shown
    assert f'value="{bees.pk}" checked' in shown
    assert f'value="{hive.pk}" checked' in shown
    assert f'value="{other.pk}" >' in shown
    assert str(theirs.pk) not in shown
    assert "Shared with me" not in shown
    query = answered(ask(ann, QUESTION, [other.pk], parts=Parts(lexical=False)))
    shown = page(mine, f"/ask/{query.pk}/")
    assert f'value="{other.pk}" checked' in shown
    assert 'value="dense" checked' in shown
    assert 'value="lexical" >' in shown


def test_whose_documents_is_a_choice_once_somebody_shares_one(
    ann: User, bob: User, mine: Client, ready: Ready
) -> None:
    lent = ready(bob, "lent.txt", BEES)
    assert "Nothing to ask yet" in page(mine, "/ask/")
    Share.objects.create(document=lent, user=ann, role=Role.VIEWER)
    shown = page(mine, "/ask/")
    assert "Shared with me" in shown
    assert str(lent.pk) in shown
