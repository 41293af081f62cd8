"""What sockets are told of installations."""

from typing import Literal, cast

from msgspec import UNSET, UnsetType

from mcp_install.models import Installation, SshHost
from realtime.events import Event
from realtime.models import Job, Status
from realtime.publish import publish

Stage = Literal[
    "CONNECTING", "PREPARING", "EXECUTING", "VERIFYING", "COMPLETE", "FAILED", "CANCELLED"
]
HostStatus = Literal["CREATED", "CHANGED", "DELETED"]
_ENDS: dict[str, Stage] = {
    Status.DONE: "COMPLETE",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "CANCELLED",
}


class McpInstallProgress(Event, frozen=True, kw_only=True, tag="mcp_install_progress"):
    """A run on a host moved on, or said something.

    `progress` is in percent; `output` is what came from the host, with its ANSI colours and without
    secrets, and `output_offset` counts the characters (code points) before it. `error` is the code
    of what went wrong, which `message` says in words.
    """

    install_id: str
    stage: Stage
    progress: int
    message: str
    output: str | UnsetType = UNSET
    output_offset: int | UnsetType = UNSET
    error: str | UnsetType = UNSET

    @property
    def stream(self) -> str:
        return f"output:{self.install_id}" if self.output else ""


class McpHostChanged(Event, frozen=True, kw_only=True, tag="mcp_host"):
    """A host is new, was changed, confirmed or looked at, or is gone."""

    host_id: str
    status: HostStatus


def tell_host(host: SshHost, status: HostStatus) -> None:
    """Tell its owner's tabs of a host, in the transaction that changed it."""
    publish(host.owner_id, McpHostChanged(host_id=str(host.pk), status=status), durable=True)


def stage_of(job: Job) -> Stage:
    """COMPLETE, FAILED or CANCELLED; else the stage of the work, CONNECTING before the first."""
    if job.status != Status.RUNNING:
        return _ENDS.get(job.status, "CONNECTING")
    return cast("Stage", job.stage or "CONNECTING")


def progress_of(job: Job) -> int:
    """Of a run that waits none, whatever it had reached before."""
    return 0 if job.status in (Status.QUEUED, Status.WAITING) else job.progress


def code_of(job: Job, noted: str) -> str:
    """What went wrong with a run that failed: a worker notes it, unless it was lost."""
    return (noted or "worker_lost") if job.status == Status.FAILED else ""


def mcp_install_progress(job: Job) -> McpInstallProgress:
    """How the installation that the job does stands now."""
    codes = Installation.objects.filter(pk=job.subject).values_list("error_code", flat=True)
    return McpInstallProgress(
        install_id=str(job.subject),
        stage=stage_of(job),
        progress=progress_of(job),
        message=job.error[:500] or job.message,
        error=code_of(job, codes.first() or "") or UNSET,
    )
