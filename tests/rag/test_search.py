"""Retrieval alone, asked by the web process and answered by a worker."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from rag import search
from rag.tasks import answer_search
from realtime import ask
from realtime.broker import broker
from tests.documents.test_api import signed_in
from tests.rag.conftest import Ready

URL = "/api/rag/search"


@pytest.mark.django_db(transaction=True)
def test_a_worker_answers_with_passages(ann: User, ready: Ready) -> None:
    document = ready(ann, "bees.txt", "A queen bee lays up to 2,000 eggs a day.")
    key = "rag:search:test"
    answer_search(key, ann.pk, "How many eggs?", 5, {})
    assert 0 < broker().ttl(key) <= 60
    assert str(document.pk).encode() in broker().lpop(key)


@pytest.mark.django_db(transaction=True)
def test_a_search_gives_what_the_worker_found(
    ann: User, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ready(ann, "bees.txt", "A queen bee lays up to 2,000 eggs a day.")

    class Broker:
        """The remote end: a worker that takes the task at once."""

        def send_task(self, name: str, args: list[object], **options: object) -> None:
            def work() -> None:
                answer_search(*args)  # type: ignore[arg-type]
                connection.close()

            threading.Thread(target=work).start()

    monkeypatch.setattr(ask, "current_app", Broker())
    found = signed_in(ann).get(URL, {"q": "How many eggs?", "topK": "3"}).json()["passages"]
    assert [passage["documentId"] for passage in found] == [str(document.pk)]
    assert found[0]["text"] == "A queen bee lays up to 2,000 eggs a day."


def test_without_a_worker_the_search_says_so(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SECONDS", 1)
    response = signed_in(ann).get(URL, {"q": "How many eggs?"})
    assert response.status_code == 503
    assert "workers are busy or away" in response.json()["detail"]


def test_what_is_no_question_is_refused(ann: User) -> None:
    assert signed_in(ann).get(URL, {"q": " "}).status_code == 422
    assert signed_in(ann).get(URL, {"q": "x" * 20_000}).status_code == 422
    assert Client().get(URL, {"q": "What?"}).status_code in (401, 403)
