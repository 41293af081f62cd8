"""Documents that are ready to be asked, with the real embedder."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from pytest_django import Settings

import rag.tasks  # connects the index
from documents.intake import take_in
from documents.models import Document
from documents.process import process
from realtime.models import Job, Status
from realtime.work import SilentReport

assert rag.tasks
Ready = Callable[[User, str, str], Document]


@pytest.fixture
def ready(tmp_path: Path, settings: Settings) -> Ready:
    """Upload a text and process it."""
    settings.MEDIA_ROOT = tmp_path

    def make(owner: User, name: str, text: str) -> Document:
        document = take_in(owner, ContentFile(text.encode()), name).document
        process(document.pk, SilentReport())
        Job.objects.filter(pk=document.job_id).update(status=Status.DONE)
        document.refresh_from_db()
        return document

    return make
