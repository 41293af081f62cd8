"""Why a document waits, in words."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.utils import timezone

from documents.intake import take_in
from documents.models import Document
from documents.waiting import reasons
from realtime import jobs
from realtime.models import Job

pytestmark = pytest.mark.usefixtures("folder")


def put(owner: User, number: int) -> list[Document]:
    contents = [ContentFile(f"{owner} {place}".encode()) for place in range(number)]
    return [take_in(owner, content, "a.txt").document for content in contents]


def why(document: Document) -> str:
    return reasons([Job.objects.get(pk=document.job_id)]).get(document.job_id, "")


def test_its_place_in_the_line_and_how_many_are_in_work(ann: User, bob: User) -> None:
    first, second, third = put(ann, 3)
    assert why(first) == "Waiting to start"
    assert jobs.claim(str(first.job_id), "worker@here")
    assert why(first) == ""
    assert why(second) == "Next: the worker is busy"
    assert why(third) == "1 before it, 1 in work"
    put(bob, 5)
    assert why(third) == "2 before it, 1 in work"


def test_that_no_worker_is_running(ann: User) -> None:
    [document] = put(ann, 1)
    past = timezone.now() - timedelta(seconds=6)
    Job.objects.filter(pk=document.job_id).update(queued_at=past)
    assert why(document).startswith("No worker is running.")
