"""Collections: made, filled, shared, deleted; who is told, and what each may do."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.test import Client

from documents import filing
from documents.access import visible, who_may_be_there
from documents.intake import take_in
from documents.models import Collection, Document, Share
from documents.sharing import share
from realtime import jobs, snapshot
from realtime.models import Job, Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "folder")]
URL, DOCUMENTS = "/api/collections", "/api/documents"
Events = Callable[[User], list[dict[str, Any]]]


@pytest.fixture
def bees(ann: User) -> Collection:
    return filing.create(ann, "Bees")


def put(owner: User, collection: Collection | None = None, words: str = "") -> Document:
    content = ContentFile((words or uuid.uuid4().hex).encode())
    return take_in(owner, content, "a.txt", collection=collection).document


def send(client: Client, method: str, path: str, **body: Any) -> Any:
    data = json.dumps(body, default=str)
    return client.generic(method, path, data, content_type="application/json")


def told(events: Events, user: User) -> list[tuple[str, str]]:
    """Of each event of a collection, its name and the role."""
    found = [e for e in events(user) if e["type"] == "collection_changed"]
    return [(e["name"], e["role"]) for e in found]


# --- Names ----------------------------------------------------------------------------------------
def test_a_collection_is_made_renamed_listed_and_deleted(mine: Client, ann: User) -> None:
    made = send(mine, "POST", URL, name="  Bees \n and  wasps ")
    assert made.status_code == 201
    shown = made.json()
    path = f"{URL}/{shown['collectionId']}"
    assert shown | {"collectionId": ""} == {
        "collectionId": "", "name": "Bees and wasps", "owner": "ann", "role": "owner",
        "documents": 0, "chunkTokens": 220, "chunkOverlap": 30,
    }  # fmt: skip
    assert send(mine, "PATCH", path, name="Bees").json()["name"] == "Bees"
    put(ann, Collection.objects.get())
    assert mine.get(URL).json() == {"collections": [shown | {"name": "Bees", "documents": 1}]}
    assert mine.get(path).json()["documents"] == 1
    assert mine.delete(path).status_code == 204
    assert mine.get(path).status_code == 404


def test_what_comes_into_a_collection_is_cut_as_it_says(
    mine: Client, ann: User, bees: Collection
) -> None:
    path = f"{URL}/{bees.pk}"
    before = put(ann, bees)
    assert send(mine, "PATCH", path, chunkTokens=100, chunkOverlap=10).status_code == 200
    shown = mine.get(path).json()
    assert (shown["name"], shown["chunkTokens"], shown["chunkOverlap"]) == ("Bees", 100, 10)
    after = put(ann, Collection.objects.get())
    assert (before.chunk_tokens, after.chunk_tokens, after.chunk_overlap) == (220, 100, 10)
    wrong = send(mine, "PATCH", path, chunkTokens=5)
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["chunkTokens"])
    assert send(mine, "PATCH", path, chunkTokens=40).status_code == 200


@pytest.mark.parametrize(
    ("name", "words"), [("bees", "already"), (" \n", "needs a name"), ("x" * 101, "too long")]
)
def test_a_name_that_cannot_be_had_is_told(
    mine: Client, bees: Collection, name: str, words: str
) -> None:
    answer = send(mine, "POST", URL, name=name)
    assert answer.status_code == 422
    assert words in answer.json()["errors"]["name"][0]
    assert Collection.objects.get() == bees


def test_bob_may_have_the_same_name_and_sees_nothing_of_anns(
    bobs: Client, bees: Collection, ann: User
) -> None:
    document = put(ann, bees)
    assert send(bobs, "POST", URL, name="Bees").status_code == 201
    path = f"{URL}/{bees.pk}"
    for method in ("GET", "PATCH", "DELETE"):
        assert send(bobs, method, path, name="x").status_code == 404
    assert bobs.get(f"{path}/shares").status_code == 404
    assert [one["name"] for one in bobs.get(URL).json()["collections"]] == ["Bees"]
    assert bobs.get(f"{DOCUMENTS}?collection={bees.pk}").json()["documents"] == []
    moved = send(bobs, "POST", f"{DOCUMENTS}/move", documentIds=[document.pk], collectionId=None)
    assert moved.json() == {"done": 0}
    assert Document.objects.get().collection == bees


# --- What is in it --------------------------------------------------------------------------------
def test_a_document_comes_into_a_collection_and_is_moved(
    mine: Client, ann: User, bees: Collection, events_of: Events
) -> None:
    file = SimpleUploadedFile("a.txt", b"words")
    made = mine.post(DOCUMENTS, {"file": file, "collectionId": str(bees.pk)}).json()["documents"]
    path = f"{DOCUMENTS}/{made[0]['documentId']}"
    assert mine.get(path).json()["collectionId"] == str(bees.pk)
    ships = filing.create(ann, "Ships")
    before = len(told(events_of, ann))
    body = {"documentIds": [made[0]["documentId"]], "collectionId": ships.pk}
    assert send(mine, "POST", f"{DOCUMENTS}/move", **body).json() == {"done": 1}
    assert {name for name, _ in told(events_of, ann)[before:]} == {"Bees", "Ships"}
    assert send(mine, "POST", f"{DOCUMENTS}/move", **(body | {"collectionId": None})).json()
    assert mine.get(path).json()["collectionId"] is None


def test_a_collection_that_is_not_mine_takes_nothing(mine: Client, bob: User, ann: User) -> None:
    theirs, document = filing.create(bob, "Bobs"), put(ann)
    file = SimpleUploadedFile("a.txt", b"words")
    answer = mine.post(DOCUMENTS, {"file": file, "collectionId": str(theirs.pk)})
    assert answer.status_code == 404
    share(theirs, "ann", "editor")
    body = {"documentIds": [document.pk], "collectionId": theirs.pk}
    assert send(mine, "POST", f"{DOCUMENTS}/move", **body).status_code == 404
    assert not theirs.documents.exists()


def test_the_list_is_narrowed_to_a_collection_or_to_what_is_in_none(
    mine: Client, ann: User, bees: Collection
) -> None:
    inside, outside = put(ann, bees), put(ann)

    def listed(query: str) -> list[str]:
        return [one["documentId"] for one in mine.get(f"{DOCUMENTS}?{query}").json()["documents"]]

    assert listed(f"collection={bees.pk}") == [str(inside.pk)]
    assert listed("collection=none") == [str(outside.pk)]
    assert listed(f"collection={uuid.uuid4()}") == listed("collection=nonsense") == []
    assert len(listed("status=working&q=A.T")) == 2
    assert mine.get(f"{DOCUMENTS}/ids?collection={bees.pk}").json() == {
        "documentIds": [str(inside.pk)], "total": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("documents", "left"), [("keep", 1), ("delete", 0)])
def test_what_becomes_of_its_documents_is_asked_when_it_is_deleted(
    mine: Client, ann: User, bees: Collection, documents: str, left: int
) -> None:
    put(ann, bees)
    other = put(ann)
    answer = mine.delete(f"{URL}/{bees.pk}?documents={documents}")
    assert answer.status_code == 204
    assert Document.objects.exclude(pk=other.pk).count() == left
    assert not Document.objects.exclude(collection=None).exists()


# --- Shared ---------------------------------------------------------------------------------------
def test_whoever_it_is_shared_with_sees_what_is_in_it_now_and_later(
    mine: Client, bobs: Client, ann: User, bob: User, bees: Collection, events_of: Events
) -> None:
    first, other = put(ann, bees), put(ann)
    made = send(mine, "POST", f"{URL}/{bees.pk}/shares", username="bob", role="viewer")
    assert made.status_code == 201
    later = put(ann, bees)
    seen = {one["documentId"]: one["role"] for one in bobs.get(DOCUMENTS).json()["documents"]}
    assert seen == {str(first.pk): "viewer", str(later.pk): "viewer"}
    assert bobs.get(URL).json()["collections"][0]["role"] == "viewer"
    assert told(events_of, bob) == [("Bees", "viewer")]
    assert [e["documentId"] for e in events_of(bob) if e["type"] == "document_status"] == [
        str(later.pk)
    ]
    running = {event["documentId"] for event in snapshot.take(bob)["events"]}
    assert running == {str(first.pk), str(later.pk)}
    assert who_may_be_there({(str(first.pk), bob.pk), (str(other.pk), bob.pk)}) == {
        (str(first.pk), bob.pk)
    }
    taken = mine.delete(f"{URL}/{bees.pk}/shares/{made.json()['shareId']}")
    assert taken.status_code == 204
    assert told(events_of, bob)[-1] == ("Bees", "none")
    assert bobs.get(DOCUMENTS).json()["documents"] == []
    assert bobs.get(f"{DOCUMENTS}/{first.pk}").status_code == 404


def test_the_greater_of_two_roles_counts(ann: User, bob: User, bees: Collection) -> None:
    document = put(ann, bees)
    share(bees, "bob", "viewer")
    assert visible(bob).get().role == "viewer"
    share(document, "bob", "editor")
    assert visible(bob).get().role == "editor"
    share(bees, "bob", "editor")
    share(document, "bob", "viewer")
    assert visible(bob).get().role == "editor"
    assert visible(ann).get().role == "owner"


def test_an_editor_retries_and_cancels_but_moves_and_deletes_nothing(
    bobs: Client, ann: User, bob: User, bees: Collection
) -> None:
    document = put(ann, bees)
    share(bees, "bob", "editor")

    def act(what: str) -> Any:
        return send(bobs, "POST", f"{DOCUMENTS}/{what}", documentIds=[document.pk]).json()

    assert act("cancel") == {"done": 1}
    assert act("retry") == {"done": 1}
    assert act("delete") == {"done": 0}
    path = f"{URL}/{bees.pk}"
    for method, inner in (("PATCH", ""), ("DELETE", ""), ("GET", "/shares")):
        assert send(bobs, method, path + inner, name="x").status_code == 403
    share(bees, "bob", "viewer")
    assert act("cancel") == {"done": 0}


def test_what_is_moved_away_is_no_longer_seen_and_its_people_are_told(
    ann: User, bob: User, bees: Collection, events_of: Events
) -> None:
    document = put(ann, bees)
    share(bees, "bob", "viewer")
    filing.move(Document.objects.all(), None)
    assert told(events_of, bob) == [("Bees", "viewer")] * 2
    assert not visible(bob).exists()
    before = len(events_of(bob))
    job = jobs.claim(str(document.job_id), "worker@here")
    assert job
    assert jobs.finish(job, Status.DONE)
    assert len(events_of(bob)) == before


def test_deleted_it_is_gone_for_all(
    ann: User, bob: User, bees: Collection, events_of: Events
) -> None:
    share(bees, "bob", "viewer")
    filing.delete(bees, with_documents=False)
    assert told(events_of, bob)[-1] == told(events_of, ann)[-1] == ("Bees", "none")
    assert not Share.objects.exists()


def test_a_share_is_of_one_thing(ann: User, bob: User, bees: Collection) -> None:
    with pytest.raises(IntegrityError):
        Share.objects.create(document=put(ann), collection=bees, user=bob, role="viewer")
    with pytest.raises(IntegrityError):
        Share.objects.create(user=bob, role="viewer")


# --- Many at once ---------------------------------------------------------------------------------
def test_those_that_failed_are_retried_and_the_others_left(mine: Client, ann: User) -> None:
    failed, done, waiting = put(ann), put(ann), put(ann)
    for document, status in ((failed, Status.FAILED), (done, Status.DONE)):
        Job.objects.filter(pk=document.job_id).update(status=status)
    ids = [failed.pk, done.pk, waiting.pk, uuid.uuid4()]
    answer = send(mine, "POST", f"{DOCUMENTS}/retry", documentIds=ids)
    assert answer.json() == {"done": 1}
    assert send(mine, "POST", f"{DOCUMENTS}/delete", documentIds=ids).json() == {"done": 3}
    assert not Document.objects.exists()
    assert send(mine, "POST", f"{DOCUMENTS}/delete", documentIds=[]).status_code == 422
    assert send(mine, "POST", f"{DOCUMENTS}/burn", documentIds=ids).status_code == 422
