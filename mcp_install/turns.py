"""Whose turn it is: one run at a time on a host, three of a person's in all.

A run has its turn from its first stage to its end. Others wait, without a worker, and say for what.
"""

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from mcp_install.installs import KIND
from mcp_install.models import Installation, SshHost
from realtime import jobs
from realtime.models import Job, Status
from realtime.work import Report

MOST = 3  # of one person's, at once


def take(installation: Installation, report: Report) -> None:
    """Begin, or wait: raises Paused then."""

    def is_not_free() -> bool:
        # Whoever takes a turn locks the person: two would see the other begin, or neither.
        User.objects.select_for_update(no_key=True).get(pk=installation.owner_id)
        if why_not(installation):
            return True
        Installation.objects.filter(pk=installation.pk).update(error_code="")
        report("CONNECTING", 0, f"Connecting to {installation.server.host.name}")
        return False

    report.pause(why_not(installation) or "Waiting for the run before it", is_not_free)


def why_not(installation: Installation) -> str:
    """What the run waits for, in words; nothing when it can begin."""
    others = _at_work(installation.owner_id).exclude(pk=installation.pk)
    host = installation.server.host
    if on_host := others.filter(server__host=host).select_related("server").first():
        server = on_host.server
        words = on_host.get_action_display().lower()
        return f"Waiting for another run on {host.name} to end ({words} {server.title})"
    if SshHost.objects.filter(pk=host.pk, tidying_until__gt=timezone.now()).exists():
        return f"Waiting until what an earlier run left on {host.name} is tidied up"
    if others.count() >= MOST:
        return f"Waiting for one of your {MOST} other runs to end"
    return ""


def _at_work(owner_id: int) -> QuerySet[Installation]:
    running = Installation.objects.filter(owner=owner_id, job__status=Status.RUNNING)
    return running.exclude(job__stage="")


def go_on_after(job: Job, **_: object) -> None:
    """A run ended: whoever waited for it has another look."""
    if job.kind == KIND:
        wake(job.owner_id)


def sweep() -> None:
    """The same for runs whose end nobody told, as the process that should have died."""
    waiting = Job.objects.filter(kind=KIND, status=Status.WAITING)
    for owner_id in waiting.order_by("owner").values_list("owner", flat=True).distinct():
        wake(owner_id)


def wake(owner_id: int) -> None:
    """The first that waits for each host."""
    waiting = Installation.objects.select_related("server__host", "job").filter(
        owner=owner_id, job__status=Status.WAITING
    )
    hosts = set()
    for installation in waiting.order_by("job__queued_at"):
        if installation.server.host_id not in hosts and not why_not(installation):
            hosts.add(installation.server.host_id)
            jobs.wake(installation.job)
