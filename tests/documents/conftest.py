"""Where uploads go, people at their pages, and a document of ann's."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from documents.models import Chunk, Document, Page
from realtime import jobs


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def mine(ann: User) -> Client:
    return signed_in(ann)


@pytest.fixture
def bobs(bob: User) -> Client:
    return signed_in(bob)


@pytest.fixture
def document(mine: Client) -> Document:
    """One of ann's, being processed."""
    file = SimpleUploadedFile("notes.txt", b"Some words.")
    made = mine.post("/api/documents", {"file": file}).json()["documents"][0]
    document = Document.objects.get(pk=made["documentId"])
    Page.objects.create(document=document, number=1, start=0, text="Some words.")
    Chunk.objects.create(
        document=document, index=0, page=1, page_to=1, start=0, end=11, text="Some words."
    )
    assert jobs.claim(str(document.job_id), "worker@here")
    return document
