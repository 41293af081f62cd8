"""The shapes of what sockets are told of a question."""

import msgspec
import pytest
from django.contrib.auth.models import User

from rag.ask import ask
from rag.events import MOST_BYTES, rag_progress
from rag.models import Passage
from realtime.models import Job, Status

pytestmark = pytest.mark.django_db


def test_stages_have_the_names_of_the_protocol(ann: User) -> None:
    job = ask(ann, "What?").job
    job.stage, job.progress, job.message = "RETRIEVAL", 50, "Found 5 relevant chunks"
    job.status = Status.RUNNING
    assert msgspec.json.decode(msgspec.json.encode(rag_progress(job))) == {
        "type": "rag_progress",
        "queryId": str(job.subject),
        "stage": "RETRIEVAL",
        "message": "Found 5 relevant chunks",
        "progress": 50,
    }


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_an_end_without_an_answer_says_why(ann: User, status: Status) -> None:
    job = ask(ann, "What?").job
    job.status, job.error = status, "The model server is away."
    event = rag_progress(job)
    assert (event.stage, event.message) == (status, "The model server is away.")


def test_the_answer_is_left_out_of_an_event_that_would_be_too_long(ann: User) -> None:
    query = ask(ann, "What?", top_k=20)
    query.answer = "漢" * 8000
    query.save()
    for rank in range(1, 21):
        Passage.objects.create(
            query=query, rank=rank, document_name="漢" * 255, page=1, page_to=1, start=0, end=9,
            text="A long text " * 100, score=0.5,
        )  # fmt: skip
    job = Job.objects.get(pk=query.job_id)
    job.status = Status.DONE
    payload = msgspec.json.encode(rag_progress(job))
    assert len(payload) <= MOST_BYTES
    result = msgspec.json.decode(payload)["result"]
    assert "answer" not in result
    assert len(result["passages"]) == 20
    assert "text" not in result["passages"][0]


def test_a_question_that_waits_again_says_so(ann: User) -> None:
    job = ask(ann, "What?").job
    job.stage, job.progress, job.attempt = "GENERATION", 70, 1  # where the last attempt ended
    event = rag_progress(job)
    assert (event.stage, event.progress) == ("QUEUED", 0)
