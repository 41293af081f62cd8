"""What sockets are told of a document."""

from typing import Literal, cast

from realtime.events import LATEST, Event
from realtime.models import Job, Status

State = Literal["QUEUED", "PROCESSING", "READY", "FAILED", "CANCELLED"]
Stage = Literal["", "EXTRACTING", "CHUNKING", "EMBEDDING", "INDEXING"]
STATUSES: dict[Status, State] = {
    Status.QUEUED: "QUEUED",
    Status.RUNNING: "PROCESSING",
    Status.DONE: "READY",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "CANCELLED",
}


class DocumentStatus(Event, frozen=True, kw_only=True, tag="document_status"):
    """A document's processing moved on.

    `progress` is in percent; `stage` is empty before the first. DELETED is the last of its id.
    """

    document_id: str
    status: Literal[State, "DELETED"]
    progress: int
    message: str
    stage: Stage


class DocumentShared(Event, frozen=True, kw_only=True, tag="document_shared"):
    """A person's role in another's document changed; told to that person and to the owner.

    `user_id` and `username` are the person's; `role` is none once the document is taken back.
    """

    document_id: str
    user_id: str
    username: str
    role: Literal["viewer", "editor", "none"]


class CollectionChanged(Event, frozen=True, kw_only=True, tag="collection_changed"):
    """A collection is new, was renamed or shared, or other documents are in it: they are fetched
    again. Told to its owner and to all it is shared with.

    `role` is what the person who is told may do; none once the collection is gone for that person.
    """

    collection_id: str
    name: str
    role: Literal["owner", "editor", "viewer", "none"]


class BatchProgress(Event, frozen=True, kw_only=True, tag="batch_progress"):
    """Files that came in together moved on: told in one, at most twice a second.

    Of `total` files `arrived` have come; of these `skipped` were there already, and `failed` are
    also those that were refused. `progress` is in percent; after a terminal event nothing follows.
    """

    batch_id: str
    total: int
    arrived: int
    skipped: int
    waiting: int
    processing: int
    ready: int
    failed: int
    refused: int
    cancelled: int
    progress: int
    message: str

    @property
    def stream(self) -> str:
        return f"{LATEST}{self.batch_id}"


def status_of(job: Job) -> State:
    """The document's status, by the state of its job."""
    return STATUSES[Status(job.status)]


def document_status(job: Job) -> DocumentStatus:
    """How the document that the job works on stands now."""
    return DocumentStatus(
        document_id=str(job.subject),
        status=status_of(job),
        progress=job.progress,
        message=job.error[:500] or job.message,
        stage=cast("Stage", job.stage),
    )


def deleted(job: Job) -> DocumentStatus:
    """The document that the job worked on is gone: the last event of its id."""
    return DocumentStatus(
        document_id=str(job.subject),
        status="DELETED",
        progress=job.progress,
        message="Deleted",
        stage=cast("Stage", job.stage),
        attempt=job.attempt,
        terminal=True,
    )
