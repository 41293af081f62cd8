"""The shapes of what sockets are told of a document."""

import uuid

import msgspec
import pytest

from documents.events import deleted, document_status
from realtime.models import Job, Status


def job(status: Status, **fields: object) -> Job:
    return Job(subject=uuid.UUID(int=1), status=status, stage="EMBEDDING", progress=75, **fields)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.QUEUED, "QUEUED"),
        (Status.RUNNING, "PROCESSING"),
        (Status.DONE, "READY"),
        (Status.FAILED, "FAILED"),
        (Status.CANCELLED, "CANCELLED"),
    ],
)
def test_a_document_is_in_the_state_of_its_job(status: Status, shown: str) -> None:
    event = document_status(job(status, message="Generating embeddings"))
    assert msgspec.json.decode(msgspec.json.encode(event)) == {
        "type": "document_status",
        "documentId": str(uuid.UUID(int=1)),
        "status": shown,
        "progress": 75,
        "message": "Generating embeddings",
        "stage": "EMBEDDING",
    }


def test_a_failure_says_why() -> None:
    event = document_status(job(Status.FAILED, message="x", error="The PDF is damaged."))
    assert event.message == "The PDF is damaged."


def test_a_deleted_document_has_a_last_event() -> None:
    event = deleted(job(Status.CANCELLED, attempt=3))
    assert (event.status, event.terminal, event.attempt) == ("DELETED", True, 3)
