"""What editors of another's collection add to it: whose it is, what they learn, who is told."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from documents import filing
from documents.cut import Cut
from documents.intake import take_in
from documents.models import Collection, Document
from documents.sharing import share
from realtime import jobs
from realtime.models import Status
from tests.test_pages import plain_static_files, shown, text_of

__all__ = ["plain_static_files"]  # a fixture
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "folder")]
URL = "/api/documents"
Events = Callable[[User], list[dict[str, Any]]]


@pytest.fixture
def bees(ann: User, bob: User) -> Collection:
    """Ann's; bob is an editor of it."""
    made = filing.create(ann, "Bees")
    share(made, "bob", "editor")
    return made


def put(owner: User, words: bytes, collection: Collection | None = None) -> Document:
    return take_in(owner, ContentFile(words), "a.txt", collection=collection).document


def add(client: Client, collection: Collection, words: bytes = b"words", **fields: str) -> Any:
    file = SimpleUploadedFile("added.txt", words)
    return client.post(URL, {"file": file, "collectionId": str(collection.pk)} | fields)


def test_what_an_editor_adds_belongs_to_the_collection_s_owner(
    bobs: Client, mine: Client, ann: User, bob: User, bees: Collection, events_of: Events
) -> None:
    filing.cut_as(bees, Cut(100, 10))
    answer = add(bobs, bees)
    assert answer.status_code == 202
    document = Document.objects.get()
    assert (document.owner, document.collection, document.chunk_tokens) == (ann, bees, 100)
    path = f"{URL}/{document.pk}"
    assert (bobs.get(path).json()["role"], mine.get(path).json()["role"]) == ("editor", "owner")
    for user in (ann, bob):
        event = events_of(user)[-1]
        assert (event["documentId"], event["status"]) == (str(document.pk), "QUEUED")
    assert bobs.delete(path).status_code == 403


def test_an_editor_learns_nothing_of_what_its_owner_has_elsewhere(
    bobs: Client, ann: User, bees: Collection
) -> None:
    secret, inside = put(ann, b"secret"), put(ann, b"inside", bees)
    (made,) = add(bobs, bees, b"secret").json()["documents"]
    assert made["documentId"] != str(secret.pk)
    assert "duplicateOf" not in made
    (skipped,) = add(bobs, bees, b"inside").json()["documents"]
    assert skipped["duplicateOf"] == skipped["documentId"] == str(inside.pk)
    (kept,) = add(bobs, bees, b"inside", ifDuplicate="keep").json()["documents"]
    assert kept["duplicateOf"] == str(inside.pk)


def test_only_its_owner_replaces_in_it(
    bobs: Client, mine: Client, ann: User, bees: Collection
) -> None:
    put(ann, b"words", bees)
    refused = add(bobs, bees, ifDuplicate="replace")
    assert refused.status_code == 403
    assert refused.json()["detail"] == "Only ann, whose collection this is, may do that."
    assert Document.objects.count() == 1
    assert add(mine, bees, ifDuplicate="replace").status_code == 202


def test_a_viewer_is_told_who_can_help_and_others_find_nothing(
    mine: Client, bobs: Client, bees: Collection
) -> None:
    share(bees, "bob", "viewer")
    refused = add(bobs, bees)
    assert refused.status_code == 403
    assert refused.json()["detail"] == (
        "You may only view this collection. ann can make you an editor of it."
    )
    carols = Client()
    carols.force_login(User.objects.create_user("carol"))
    assert add(carols, bees).status_code == 404
    assert add(Client(), bees).status_code == 401
    assert add(mine, Collection(pk=uuid.uuid4())).status_code == 404
    assert not Document.objects.exists()


def test_a_batch_of_an_editor_is_told_to_the_editor(
    bobs: Client, ann: User, bob: User, bees: Collection, events_of: Events
) -> None:
    body = json.dumps({"total": 2})
    made = bobs.post(f"{URL}/batches", body, content_type="application/json").json()
    for words in (b"one", b"two"):
        assert add(bobs, bees, words, batchId=made["batchId"]).status_code == 202
    for document in Document.objects.all():
        job = jobs.claim(str(document.job_id), "worker@here")
        assert job
        assert jobs.finish(job, Status.DONE)
    of_batches = [e for e in events_of(bob) if e["type"] == "batch_progress"]
    assert (of_batches[-1]["terminal"], of_batches[-1]["ready"]) == (True, 2)
    assert not [e for e in events_of(ann) if e["type"] == "batch_progress"]


def test_what_very_much_waits_of_its_owner_stops_an_editor_too(
    bobs: Client, ann: User, bees: Collection, settings: Settings
) -> None:
    settings.MAX_QUEUED_DOCUMENTS = 1
    put(ann, b"one")
    answer = add(bobs, bees)
    assert answer.status_code == 429
    assert answer.json()["detail"].startswith("1 documents of ann wait.")


def test_the_page_says_whose_it_will_be(bobs: Client, mine: Client, bees: Collection) -> None:
    url = f"/documents/?collection={bees.pk}"
    page = shown(bobs, url)
    assert f'data-collection="{bees.pk}"' in page
    assert "What you add here belongs to ann" in text_of(page)
    assert 'value="replace"' not in page
    assert 'value="replace"' in shown(mine, url)
    share(bees, "bob", "viewer")
    page = shown(bobs, url)
    assert "data-collection=" not in page
    assert "What you add is yours, and not in this collection." in text_of(page)
