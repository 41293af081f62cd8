"""The same POST under the same Idempotency-Key starts the work once."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from documents.models import Document
from rag.models import Passage
from realtime import idempotency, jobs
from realtime.models import IdempotentRequest, Job

pytestmark = pytest.mark.django_db(transaction=True)
KEY = {"Idempotency-Key": "k1"}


def upload(client: Client, content: bytes = b"Some text.", **headers: str) -> Any:
    files = {"file": SimpleUploadedFile("a.txt", content), "ifDuplicate": "keep"}
    return client.post("/api/documents", files, headers=headers)


@pytest.fixture
def signed_in(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


def test_the_same_upload_is_answered_the_same_and_taken_in_once(signed_in: Client) -> None:
    first, second = upload(signed_in, **KEY), upload(signed_in, **KEY)
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert Document.objects.count() == Job.objects.count() == 1


def test_the_same_question_is_asked_once(signed_in: Client) -> None:
    answers = [
        signed_in.post(
            "/api/rag/queries", {"question": "Why?"}, content_type="application/json", headers=KEY
        )
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert Job.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(signed_in: Client) -> None:
    upload(signed_in, **KEY)
    answer = upload(signed_in, b"Other text.", **KEY)
    assert answer.status_code == 422
    assert "take a new one" in answer.json()["detail"]


def test_another_person_s_key_is_another_key(signed_in: Client, bob: User) -> None:
    upload(signed_in, **KEY)
    signed_in.force_login(bob)
    assert upload(signed_in, b"Other text.", **KEY).status_code == 202


def test_a_refused_request_is_not_kept(signed_in: Client) -> None:
    assert upload(signed_in, b"", **KEY).status_code == 422
    assert upload(signed_in, **KEY).status_code == 202


def test_without_a_key_every_request_counts(signed_in: Client) -> None:
    upload(signed_in)
    upload(signed_in)
    assert Document.objects.count() == 2


def test_keys_are_forgotten_after_a_day(signed_in: Client) -> None:
    upload(signed_in, **KEY)
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    idempotency.forget()
    assert not IdempotentRequest.objects.exists()


def test_a_retried_question_is_retried_once(signed_in: Client, ann: User) -> None:
    asked = signed_in.post(
        "/api/rag/queries", {"question": "Why?"}, content_type="application/json"
    ).json()
    job = Job.objects.get()
    Passage.objects.create(
        query_id=asked["queryId"], rank=1, document_name="a.txt", page=1, page_to=1,
        start=0, end=4, text="Text", score=0.5,
    )  # fmt: skip
    jobs.cancel(job)
    path = f"/api/rag/queries/{asked['queryId']}/retry"
    answers = [signed_in.post(path, headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert len(answers[0].json()["passages"]) == 1
