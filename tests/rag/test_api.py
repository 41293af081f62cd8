"""Questions over HTTP, as ann, as bob and as a stranger."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from rag.models import Passage, Query
from realtime.models import Job, Status
from tests.documents.test_api import signed_in
from tests.rag.conftest import Ready

URL = "/api/rag/queries"


def post(client: Client, **body: Any) -> Any:
    return client.post(URL, body, content_type="application/json")


@pytest.fixture
def mine(ann: User) -> Client:
    return signed_in(ann)


@pytest.fixture
def query(mine: Client) -> Query:
    query = Query.objects.get(pk=post(mine, question="What?").json()["queryId"])
    Passage.objects.create(
        query=query, rank=1, document_name="a.txt", page=2, page_to=2, start=3, end=8,
        text="words", score=0.5,
    )  # fmt: skip
    Query.objects.filter(pk=query.pk).update(answer="It is so. [1]", answered_by="extractive")
    Job.objects.filter(pk=query.job_id).update(
        status=Status.DONE, progress=100, message="Query processing complete", timings={"A": 1}
    )
    return query


def test_a_question_is_answered_at_once_with_its_id(mine: Client) -> None:
    response = post(mine, question=" What? ")
    assert response.status_code == 202
    shown = mine.get(f"{URL}/{response.json()['queryId']}").json()
    assert (shown["question"], shown["stage"], shown["answer"]) == ("What?", "QUEUED", "")


def test_a_finished_question_shows_its_answer_and_passages(mine: Client, query: Query) -> None:
    shown = mine.get(f"{URL}/{query.pk}").json()
    assert shown | {"createdAt": ""} == {
        "queryId": str(query.pk), "question": "What?", "stage": "COMPLETE", "progress": 100,
        "message": "Query processing complete", "answer": "It is so. [1]",
        "answeredBy": "extractive", "error": "", "createdAt": "", "documentIds": [],
        "collectionIds": [],
        "passages": [{
            "rank": 1, "documentId": None, "documentName": "a.txt", "page": 2, "pageTo": 2,
            "start": 3, "end": 8, "text": "words", "score": 0.5,
        }],
        "timings": {"A": 1}, "owner": "ann", "source": "mine", "trace": {},
    }  # fmt: skip


@pytest.mark.parametrize("words", ["", " \n ", "x" * 20_000])
def test_what_is_no_question_is_refused_in_plain_words(mine: Client, words: str) -> None:
    response = post(mine, question=words)
    assert response.status_code == 422
    assert "question" in response.json()["errors"]
    assert not Query.objects.exists()


def test_a_question_can_be_asked_of_some_documents(
    mine: Client, ann: User, bob: User, ready: Ready
) -> None:
    document = ready(ann, "a.txt", "Some words.")
    response = post(mine, question="What?", documentIds=[str(document.pk)], topK=3)
    query = Query.objects.get(pk=response.json()["queryId"])
    assert list(query.documents.all()) == [document]
    assert query.top_k == 3
    ask_bob = {"question": "What?", "documentIds": [str(document.pk)]}
    assert post(signed_in(bob), **ask_bob).status_code == 404
    assert post(mine, question="What?", documentIds=[str(uuid.uuid4())]).status_code == 404
    assert post(mine, question="What?", documentIds=["nonsense"]).status_code == 422


def test_the_list_is_paged_and_mine_alone(mine: Client, bob: User) -> None:
    for words in ("One?", "Two?", "Three?"):
        post(mine, question=words)
    post(signed_in(bob), question="Bob?")
    first = mine.get(URL, {"limit": 2}).json()
    second = mine.get(URL, {"limit": 2, "cursor": first["next"]}).json()
    questions = [query["question"] for query in first["queries"] + second["queries"]]
    assert questions == ["Three?", "Two?", "One?"]


def test_cancel_and_retry(mine: Client, query: Query) -> None:
    assert mine.post(f"{URL}/{query.pk}/cancel").status_code == 409
    Job.objects.filter(pk=query.job_id).update(status=Status.QUEUED)
    assert mine.post(f"{URL}/{query.pk}/cancel").json()["stage"] == "CANCELLED"
    assert mine.post(f"{URL}/{query.pk}/retry").status_code == 202
    assert mine.post(f"{URL}/{query.pk}/retry").status_code == 409


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("post", "/cancel"), ("post", "/retry")])
def test_bob_and_a_stranger_reach_nothing(bob: User, query: Query, method: str, path: str) -> None:
    url = f"{URL}/{query.pk}{path}"
    assert getattr(signed_in(bob), method)(url).status_code == 404
    assert getattr(Client(), method)(url).status_code in (401, 403)
