"""A document and the people it is shared with: giving and taking back, and what each may do."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from documents import sharing
from documents.models import Document, Share
from documents.sharing import share
from realtime.models import Job, Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "folder")]

URL = "/api/documents"


def post(client: Client, document: Document, **body: str) -> Any:
    return client.post(f"{URL}/{document.pk}/shares", body, content_type="application/json")


# --- Giving and taking back -----------------------------------------------------------------------
def test_a_document_is_shared_listed_and_taken_back(
    mine: Client, bobs: Client, bob: User, document: Document
) -> None:
    made = post(mine, document, username="bob", role="viewer")
    assert made.status_code == 201
    shown = made.json()
    assert shown | {"shareId": "", "createdAt": ""} == {
        "shareId": "", "userId": str(bob.pk), "username": "bob", "role": "viewer", "createdAt": "",
    }  # fmt: skip
    assert mine.get(f"{URL}/{document.pk}/shares").json() == {"shares": [shown]}
    assert bobs.get(f"{URL}/{document.pk}").json()["role"] == "viewer"
    url = f"{URL}/{document.pk}/shares/{shown['shareId']}"
    assert mine.delete(url).status_code == 204
    assert mine.delete(url).status_code == 404
    assert bobs.get(f"{URL}/{document.pk}").status_code == 404
    assert bobs.get(URL).json()["documents"] == []


def test_shared_again_it_is_one_share_in_another_role(
    mine: Client, bobs: Client, document: Document
) -> None:
    first = post(mine, document, username="bob", role="viewer").json()
    again = post(mine, document, username="bob", role="editor")
    assert again.status_code == 200
    assert again.json() == first | {"role": "editor"}
    assert bobs.get(f"{URL}/{document.pk}").json()["role"] == "editor"
    assert Share.objects.count() == 1


@pytest.mark.parametrize(
    ("username", "words"),
    [
        ("nobody", "nobody called nobody"), ("ann", "theirs already"), ("Bob", "nobody called Bob"),
        ("gone", "nobody called gone"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_shared_with_is_told_beside_its_field(
    mine: Client, bob: User, document: Document, username: str, words: str
) -> None:
    User.objects.create_user("gone", is_active=False)
    answer = post(mine, document, username=username, role="viewer")
    assert answer.status_code == 422
    assert words in answer.json()["errors"]["username"][0]
    assert not Share.objects.exists()


@pytest.mark.parametrize("body", [{"role": "owner"}, {"role": ""}, {"username": "a\0b"}])
def test_an_invalid_share_is_refused(
    mine: Client, bob: User, document: Document, body: dict[str, str]
) -> None:
    answer = post(mine, document, **{"username": "bob", "role": "viewer"} | body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == list(body)


def test_a_document_is_shared_with_so_many_and_no_more(
    mine: Client, bob: User, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MOST_SHARES", 1)
    User.objects.create_user("carol")
    assert post(mine, document, username="bob", role="viewer").status_code == 201
    refused = post(mine, document, username="carol", role="viewer")
    assert (refused.status_code, refused.json()["detail"]) == (
        422, "A document is shared with at most 1 people.",
    )  # fmt: skip
    assert post(mine, document, username="bob", role="editor").status_code == 200


# --- What each may do -----------------------------------------------------------------------------
READS = ["", "/chunks", "/pages/1", "/file"]


@pytest.mark.parametrize("role", ["viewer", "editor"])
@pytest.mark.parametrize("path", READS)
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_who_it_is_shared_with_reads_all_of_it(
    bobs: Client, bob: User, document: Document, role: Any, path: str
) -> None:
    share(document, "bob", role)
    assert bobs.get(f"{URL}/{document.pk}{path}").status_code == 200


def test_shared_documents_are_in_the_list_with_whose_they_are(
    mine: Client, bobs: Client, bob: User, document: Document
) -> None:
    own = bobs.post(URL, {"file": SimpleUploadedFile("own.txt", b"Other words.")}).json()
    share(document, "bob", "viewer")
    listed = bobs.get(URL).json()["documents"]
    assert [(row["name"], row["owner"], row["role"]) for row in listed] == [
        ("own.txt", "bob", "owner"),
        ("notes.txt", "ann", "viewer"),
    ]
    first = bobs.get(URL, {"limit": 1}).json()
    second = bobs.get(URL, {"limit": 1, "cursor": first["next"]}).json()
    assert [page["documents"][0]["name"] for page in (first, second)] == ["own.txt", "notes.txt"]
    assert [row["owner"] for row in mine.get(URL).json()["documents"]] == ["ann"]
    assert mine.get(f"{URL}/{own['documents'][0]['documentId']}").status_code == 404


def test_an_editor_cancels_and_retries(bobs: Client, bob: User, document: Document) -> None:
    share(document, "bob", "editor")
    Job.objects.filter(pk=document.job_id).update(status=Status.QUEUED)
    assert bobs.post(f"{URL}/{document.pk}/cancel").status_code == 202
    assert bobs.post(f"{URL}/{document.pk}/retry").json()["status"] == "QUEUED"


@pytest.mark.parametrize("path", ["/cancel", "/retry"])
def test_a_viewer_who_tries_that_is_told_who_can_help(
    bobs: Client, bob: User, document: Document, path: str
) -> None:
    share(document, "bob", "viewer")
    refused = bobs.post(f"{URL}/{document.pk}{path}")
    assert refused.status_code == 403
    assert refused.json()["detail"] == (
        "You may only view this document. ann can make you an editor of it."
    )
    assert Job.objects.get(pk=document.job_id).status == Status.RUNNING


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_the_owner_removes_shares_and_takes_back(
    bobs: Client, bob: User, document: Document, role: Any
) -> None:
    carols, _ = share(document, User.objects.create_user("carol").username, "viewer")
    share(document, "bob", role)
    refusals = [
        bobs.delete(f"{URL}/{document.pk}"),
        bobs.get(f"{URL}/{document.pk}/shares"),
        post(bobs, document, username="bob", role="editor"),
        bobs.delete(f"{URL}/{document.pk}/shares/{carols.pk}"),
    ]
    assert [refused.status_code for refused in refusals] == [403] * 4
    assert {refused.json()["detail"] for refused in refusals} == {
        "Only ann, whose document this is, may do that."
    }
    assert Share.objects.count() == 2


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_bob_and_a_stranger_learn_nothing_of_shares(
    bobs: Client, document: Document, method: str
) -> None:
    made, _ = share(document, User.objects.create_user("carol").username, "viewer")
    url = f"{URL}/{document.pk}/shares" + (f"/{made.pk}" if method == "delete" else "")
    body: dict[str, Any] = (
        {"data": {"username": "bob", "role": "viewer"}, "content_type": "application/json"}
        if method == "post"
        else {}
    )
    assert getattr(bobs, method)(url, **body).status_code == 404
    assert getattr(Client(), method)(url, **body).status_code in (401, 403)
    assert Share.objects.count() == 1


def test_a_share_of_another_document_is_not_found_here(
    mine: Client, bob: User, document: Document
) -> None:
    made, _ = share(document, "bob", "viewer")
    file = SimpleUploadedFile("other.txt", b"Other words.")
    other = mine.post(URL, {"file": file}).json()["documents"][0]["documentId"]
    assert mine.delete(f"{URL}/{other}/shares/{made.pk}").status_code == 404
