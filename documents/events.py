"""What sockets are told of a document."""

from realtime.events import Event
from realtime.models import Job, Status

STATUSES = {
    Status.QUEUED: "QUEUED",
    Status.RUNNING: "PROCESSING",
    Status.DONE: "READY",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "CANCELLED",
}
DELETED = "DELETED"


class DocumentStatus(Event, frozen=True, kw_only=True, tag="document_status"):
    """A document's processing moved on.

    `status` is QUEUED, PROCESSING, READY, FAILED, CANCELLED or DELETED; `progress` is in percent;
    `stage` is EXTRACTING, CHUNKING, EMBEDDING or INDEXING, and empty before the first.
    """

    document_id: str
    status: str
    progress: int
    message: str
    stage: str


def status_of(job: Job) -> str:
    """The document's status, by the state of its job."""
    return STATUSES[Status(job.status)]


def document_status(job: Job) -> DocumentStatus:
    """How the document that the job works on stands now."""
    return DocumentStatus(
        document_id=str(job.subject),
        status=status_of(job),
        progress=job.progress,
        message=job.error[:500] or job.message,
        stage=job.stage,
    )


def deleted(job: Job) -> DocumentStatus:
    """The document that the job worked on is gone: the last event of its id."""
    return DocumentStatus(
        document_id=str(job.subject),
        status=DELETED,
        progress=job.progress,
        message="Deleted",
        stage=job.stage,
        attempt=job.attempt,
        terminal=True,
    )
