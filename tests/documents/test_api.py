"""Documents over HTTP, as ann, as bob and as a stranger."""

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from documents.models import Chunk, Document, Page
from realtime.models import Job, Status
from tests.documents.conftest import signed_in

pytestmark = pytest.mark.usefixtures("folder")

URL = "/api/documents"


def upload(client: Client, *files: tuple[str, bytes], **fields: str) -> Any:
    data = {"file": [SimpleUploadedFile(name, content) for name, content in files], **fields}
    return client.post(URL, data)


@pytest.fixture
def document(mine: Client) -> Document:
    made = upload(mine, ("notes.txt", b"Some words.\nMore words."))
    document = Document.objects.get(pk=made.json()["documents"][0]["documentId"])
    Page.objects.create(document=document, number=1, start=0, text="Some words.\nMore words.")
    for index, (start, end) in enumerate([(0, 11), (12, 23)]):
        Chunk.objects.create(
            document=document, index=index, page=1, page_to=1, start=start, end=end,
            text="Some words.\nMore words."[start:end],
        )  # fmt: skip
    Job.objects.filter(pk=document.job_id).update(status=Status.DONE, progress=100)
    return document


def test_an_upload_is_answered_at_once_with_its_id(mine: Client) -> None:
    response = upload(mine, ("../a.txt", b"words"))
    assert response.status_code == 202
    (made,) = response.json()["documents"]
    assert set(made) == {"name", "status", "documentId"}
    assert (made["name"], made["status"]) == ("a.txt", "QUEUED")
    shown = mine.get(f"{URL}/{made['documentId']}").json()
    assert shown | {"createdAt": ""} == {
        "documentId": made["documentId"], "name": "a.txt", "owner": "ann", "role": "owner",
        "mediaType": "", "size": 5, "status": "QUEUED", "stage": "", "progress": 0,
        "message": "Waiting to start", "pages": 0, "chunks": 0, "error": "", "timings": {},
        "notes": [], "needsPassword": False, "chunkTokens": 220, "chunkOverlap": 30,
        "createdAt": "", "collectionId": None,
    }  # fmt: skip


def test_a_refused_file_does_not_disturb_the_others(mine: Client) -> None:
    response = upload(mine, ("a.txt", b"words"), ("empty.txt", b""))
    assert response.status_code == 202
    good, bad = response.json()["documents"]
    assert good["status"] == "QUEUED"
    assert bad == {"name": "empty.txt", "status": "FAILED", "error": "The file is empty."}


def test_when_all_are_refused_the_answer_is_a_problem(mine: Client, settings: Settings) -> None:
    response = upload(mine, ("empty.txt", b""))
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"] == {"empty.txt": ["The file is empty."]}
    settings.MAX_UPLOAD_MB = 0
    assert upload(mine, ("a.txt", b"words")).status_code == 413
    assert upload(mine).status_code == 422


def test_a_duplicate_is_told(mine: Client) -> None:
    first = upload(mine, ("a.txt", b"words")).json()["documents"][0]
    again = upload(mine, ("b.txt", b"words")).json()["documents"][0]
    assert again["documentId"] == again["duplicateOf"] == first["documentId"]
    kept = upload(mine, ("b.txt", b"words"), ifDuplicate="keep").json()["documents"][0]
    assert kept["duplicateOf"] == first["documentId"] != kept["documentId"]
    assert upload(mine, ("b.txt", b"words"), ifDuplicate="other").status_code == 422


def test_the_list_is_paged_and_mine_alone(mine: Client, bob: User) -> None:
    for number in range(3):
        upload(mine, (f"{number}.txt", str(number).encode()))
    upload(signed_in(bob), ("bob.txt", b"words"))
    first = mine.get(URL, {"limit": 2}).json()
    second = mine.get(URL, {"limit": 2, "cursor": first["next"]}).json()
    names = [document["name"] for document in first["documents"] + second["documents"]]
    assert names == ["2.txt", "1.txt", "0.txt"]
    assert second["next"] is None
    assert mine.get(URL, {"cursor": "nonsense"}).status_code == 422


def test_pages_and_chunks_can_be_looked_into(mine: Client, document: Document) -> None:
    page = mine.get(f"{URL}/{document.pk}/pages/1").json()
    assert page == {
        "number": 1, "title": "", "start": 0, "text": "Some words.\nMore words.",
    }  # fmt: skip
    assert mine.get(f"{URL}/{document.pk}/pages/2").status_code == 404
    first = mine.get(f"{URL}/{document.pk}/chunks", {"limit": 1}).json()
    assert (first["chunks"][0]["text"], first["next"]) == ("Some words.", 1)
    rest = mine.get(f"{URL}/{document.pk}/chunks", {"cursor": 1}).json()
    assert (rest["chunks"][0]["text"], rest["next"]) == ("More words.", None)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_the_stored_file_comes_as_an_attachment_that_can_do_nothing(mine: Client) -> None:
    made = upload(mine, ("naïve.html", b"<script>alert(1)</script>")).json()["documents"][0]
    response: Any = mine.get(f"{URL}/{made['documentId']}/file")
    assert b"".join(response) == b"<script>alert(1)</script>"
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''na")
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_cancel_and_retry_are_refused_in_the_wrong_state(mine: Client, document: Document) -> None:
    url = f"{URL}/{document.pk}"
    assert mine.post(f"{url}/cancel").status_code == 409
    assert mine.post(f"{url}/retry").status_code == 409
    Job.objects.filter(pk=document.job_id).update(status=Status.QUEUED)
    cancelled = mine.post(f"{url}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "CANCELLED")
    retried = mine.post(f"{url}/retry")
    assert (retried.status_code, retried.json()["status"]) == (202, "QUEUED")


def test_a_deleted_document_is_gone(mine: Client, document: Document) -> None:
    assert mine.delete(f"{URL}/{document.pk}").status_code == 204
    assert mine.get(f"{URL}/{document.pk}").status_code == 404
    assert not Chunk.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""), ("get", "/chunks"), ("get", "/pages/1"), ("get", "/file"),
        ("post", "/cancel"), ("post", "/retry"), ("delete", ""),
    ],
)  # fmt: skip
def test_bob_and_a_stranger_reach_nothing(
    bob: User, document: Document, method: str, path: str
) -> None:
    url = f"{URL}/{document.pk}{path}"
    assert getattr(signed_in(bob), method)(url).status_code == 404
    assert getattr(Client(), method)(url).status_code in (401, 403)
    assert Document.objects.filter(pk=document.pk).exists()


@pytest.mark.django_db
def test_a_stranger_uploads_nothing() -> None:
    assert upload(Client(), ("a.txt", b"words")).status_code in (401, 403)


def test_an_unknown_id_is_not_found(mine: Client) -> None:
    response = mine.get(f"{URL}/{uuid.uuid4()}")
    assert response.status_code == 404
    assert json.loads(response.content)["title"] == "Not found"
