"""The list of documents as the server renders it: collections, batches, and thousands of rows."""

import re
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from documents import batches, filing
from documents.intake import KIND, take_in
from documents.models import Collection, Document
from documents.sharing import share
from realtime.models import Job, Status

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}


@pytest.fixture
def mine(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


def put(owner: User, name: str, collection: Collection | None = None) -> Document:
    content = ContentFile(uuid.uuid4().hex.encode())
    return take_in(owner, content, name, collection=collection).document


def shown(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def many(owner: User, number: int) -> None:
    """Documents that are ready, as rows alone."""
    now = timezone.now()
    documents, jobs = [], []
    for place in range(number):
        document = Document(owner=owner, name=f"{place}.md", size=9, created_at=now)
        document.job = Job(
            owner=owner, kind=KIND, subject=document.pk, status=Status.DONE, queued_at=now,
            started_at=now, finished_at=now,
        )  # fmt: skip
        jobs.append(document.job)
        documents.append(document)
    Job.objects.bulk_create(jobs, batch_size=1000)
    Document.objects.bulk_create(documents, batch_size=1000)


def test_the_list_is_narrowed_to_a_collection_and_says_whose_it_is(
    mine: Client, ann: User, bob: User
) -> None:
    bees, theirs = filing.create(ann, "Bees"), filing.create(bob, "Harbour")
    put(ann, "inside.txt", bees)
    put(ann, "outside.txt")
    put(bob, "ships.txt", theirs)
    share(theirs, "ann", "viewer")
    said = text_of(shown(mine, f"/documents/?collection={bees.pk}"))
    assert "inside.txt" in said
    assert "outside.txt" not in said
    assert "Bees 1" in said
    assert "Unfiled 1" in said
    assert "Settings Share" in said
    said = text_of(shown(mine, f"/documents/?collection={theirs.pk}"))
    assert "Shared by bob · you are a viewer" in said
    assert "Settings Share" not in said
    assert "outside.txt" in text_of(shown(mine, "/documents/?collection=none"))
    assert "Nothing is in here yet" in text_of(
        shown(mine, f"/documents/?collection={uuid.uuid4()}")
    )


def test_open_batches_are_shown_and_only_mine(mine: Client, ann: User, bob: User) -> None:
    batches.begin(bob, 77)
    batch = batches.begin(ann, 3)
    said = text_of(shown(mine, "/documents/"))
    assert "3 files" in said
    assert "0 of 3 ready" in said
    assert "77 files" not in said
    batch.ended_at = timezone.now()
    batch.save()
    assert "3 files" not in text_of(shown(mine, "/documents/batches/"))
    assert "3 files" in text_of(shown(mine, f"/documents/batches/?id={batch.pk}"))


def test_an_old_version_says_until_when_it_answers(mine: Client, ann: User) -> None:
    first = put(ann, "old.txt")
    Document.objects.update(replaced_by=put(ann, "new.txt"))
    assert "until its new version is ready" in text_of(
        shown(mine, f"/documents/rows/?id={first.pk}")
    )


def test_with_ten_thousand_documents_the_list_is_quick(
    mine: Client, ann: User, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    many(ann, 10_000)
    many(bob, 3)
    mine.get("/documents/part/")
    began = timezone.now()
    html = shown(mine, "/documents/part/")
    assert timezone.now() - began < timedelta(seconds=2)
    assert html.count('class="row"') == 50
    assert "50 of 10000" in text_of(html)
    with django_assert_num_queries(4):  # session, user, how many, the rows
        mine.get("/documents/part/")
    assert "19 of 10000 documents" in text_of(shown(mine, "/documents/part/?q=999"))


def test_the_pages_of_ask_and_chat_offer_my_collections(mine: Client, ann: User, bob: User) -> None:
    bees = filing.create(ann, "Bees")
    filing.create(bob, "Harbour")
    html = shown(mine, f"/ask/?collection={bees.pk}")
    assert f'name="collection" value="{bees.pk}" checked>' in html
    assert "Harbour" not in html
    assert f'name="collection" value="{bees.pk}"' in shown(mine, "/chat/")
