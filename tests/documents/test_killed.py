"""A worker is killed in the middle of each stage; another goes on after the last that ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from documents.intake import remove, take_in
from documents.models import Document
from rag.models import Embedding, Indexed
from realtime import jobs
from realtime.models import Job, Status
from tests.documents import samples
from tests.stack import ROOT, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

WORKER = """
import sys, django
django.setup()
import rag.tasks
from documents.process import process
from realtime.work import run
run(sys.argv[1], process)
"""
WORDS = "The quick brown fox of {stage} jumps over the lazy dog near the river bank number {n}. "


def worker(job: Job) -> "subprocess.Popen[bytes]":
    """A process of its own that does the job, as Celery's would."""
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    name = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": f"{server}/{name}", "DJANGO_SETTINGS_MODULE": "demo.settings",
    }  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", WORKER, str(job.pk)], cwd=ROOT, env=environment)


@pytest.fixture
def document(ann: User, request: pytest.FixtureRequest) -> Iterator[Document]:
    stage = request.node.callspec.params["stage"]
    text = "".join(WORDS.format(stage=stage, n=n) for n in range(300))
    scan = samples.scanned(samples.picture("A scanned page", size=(1240, 1754)))
    packed = samples.archive({"a.txt": text, "b.pdf": scan})
    document = take_in(ann, ContentFile(packed), f"{stage}.zip").document
    yield document
    remove(document)


@pytest.mark.parametrize("stage", ["EXTRACTING", "CHUNKING", "EMBEDDING", "INDEXING"])
def test_a_stage_in_which_a_worker_is_killed_is_begun_again_and_none_before_it(
    document: Document, stage: str
) -> None:
    first = worker(document.job)
    rows = Job.objects.filter(pk=document.job_id)
    until(lambda: rows.filter(stage=stage).exists(), within=90, every=0.005)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert jobs.reap(timezone.now() + timedelta(minutes=1)) == 1
    left = Document.objects.get(pk=document.pk)
    pages = set(left.pages.values_list("pk", flat=True))
    assert worker(document.job).wait(120) == 0
    job, read = rows.get(), Document.objects.get(pk=document.pk)
    assert (job.status, job.attempt, job.losses) == (Status.DONE, 2, 1), job.error
    if stage != "EXTRACTING":
        assert left.stored_stage
        assert set(read.pages.values_list("pk", flat=True)) == pages
        assert "EXTRACTING" not in job.timings
    assert read.page_count == read.pages.count() == 2
    chunks = list(read.chunks.values_list("index", "start", "end", "text"))
    text = "\n".join(read.pages.values_list("text", flat=True))
    assert [index for index, *_ in chunks] == list(range(read.chunk_count))
    assert all(text[start:end] == words for _, start, end, words in chunks)
    assert Embedding.objects.filter(document=read).count() == len(chunks)
    assert Indexed.objects.get(document=read).chunks == len(chunks)
    assert set(read.timings | job.timings) == {"EXTRACTING", "CHUNKING", "EMBEDDING", "INDEXING"}
