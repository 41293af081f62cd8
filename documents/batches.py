"""Files that come in together are told of as one: how many came, wait, are in work, and ended how.

A batch is open until all that was announced has come and ended, or nothing more comes.
"""

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F
from django.db.models.functions import Greatest, Least
from django.utils import timezone

from documents.events import BatchProgress
from documents.intake import KIND
from documents.models import Batch, Document
from realtime import jobs
from realtime.models import ACTIVE, Job, Status
from realtime.publish import publish

RATE = timedelta(seconds=0.5)  # between two events of a batch
GIVEN_UP = timedelta(minutes=10)  # without a further file: the rest does not come
MOST_FILES = 100_000


@dataclass(frozen=True)
class Counts:
    """How a batch stands: of `total` files so many came, and of those so many are in each state.

    Those that are `lost` are also `refused`, and those also `arrived`.
    """

    total: int
    arrived: int
    skipped: int
    refused: int
    lost: int
    waiting: int
    processing: int
    ready: int
    failed: int
    cancelled: int

    @property
    def left(self) -> int:
        """What is still to come or to end."""
        return max(0, self.total - self.arrived) + self.waiting + self.processing

    @property
    def progress(self) -> int:
        """Percent of the files that came and ended."""
        return 100 * max(0, self.total - self.left) // max(1, self.total)

    @property
    def words(self) -> str:
        failed = self.failed + self.refused - self.lost
        parts = [
            f"{self.ready:,} of {self.total:,} ready",
            f"{self.processing:,} in work" if self.processing else "",
            f"{self.waiting:,} waiting" if self.waiting else "",
            f"{failed:,} failed" if failed else "",
            f"{self.lost:,} not sent" if self.lost else "",
            f"{self.skipped:,} there already" if self.skipped else "",
            f"{self.cancelled:,} cancelled" if self.cancelled else "",
        ]
        return ", ".join(filter(None, parts))


def begin(owner: User, total: int) -> Batch:
    """A batch of so many files that are about to come."""
    now = timezone.now()
    return Batch.objects.create(owner=owner, total=total, arrived_at=now, told_at=now - RATE)


def count(batch: Batch) -> Counts:
    states = batch.documents.order_by().values("job__status").annotate(number=Count("pk"))
    numbers = {row["job__status"]: row["number"] for row in states}
    return Counts(
        batch.total,
        batch.arrived,
        batch.skipped,
        batch.refused,
        batch.lost,
        *(
            numbers.get(status, 0)
            for status in (
                Status.QUEUED,
                Status.RUNNING,
                Status.DONE,
                Status.FAILED,
                Status.CANCELLED,
            )
        ),
    )


def note(batch: Batch, outcomes: Counter[str]) -> None:
    """Files of the batch came: so many are `taken`, `skipped` and `refused`.

    Where more come than are still to come, they are of those that were said to be lost.
    """
    arrived = F("arrived") + outcomes.total()
    found = Least(F("lost"), Greatest(0, arrived - F("total")))
    Batch.objects.filter(pk=batch.pk).update(
        total=Greatest(F("total"), arrived - found),
        arrived=arrived - found,
        skipped=F("skipped") + outcomes["skipped"],
        refused=F("refused") + outcomes["refused"] - found,
        lost=F("lost") - found,
        arrived_at=timezone.now(),
    )
    transaction.on_commit(lambda: tell(batch.pk), robust=True)


def give_up(batch: Batch, number: int) -> None:
    """So many of those that were announced do not come, as their sender knows: they failed."""
    lost = Least(number, Greatest(0, F("total") - F("arrived")))
    fields = {name: F(name) + lost for name in ("arrived", "refused", "lost")}
    Batch.objects.filter(pk=batch.pk).update(**fields)
    transaction.on_commit(lambda: tell(batch.pk), robust=True)


def tell(batch_id: uuid.UUID) -> None:
    """Say how a batch stands, at most twice a second; its end for certain, and once.

    Called after whatever changed is committed: so the last of several sees all.
    """
    now, still_open = timezone.now(), Batch.objects.filter(pk=batch_id, ended_at=None)
    batch = still_open.first()
    if batch is None:
        return
    counts = count(batch)
    rest_is_lost = not (counts.waiting or counts.processing) and now - batch.arrived_at > GIVEN_UP
    with transaction.atomic():
        if not counts.left or rest_is_lost:
            if still_open.update(ended_at=now):
                publish(batch.owner_id, _event(batch, counts, ended=True), durable=True)
        elif Batch.objects.filter(pk=batch_id, told_at__lte=now - RATE).update(told_at=now):
            publish(batch.owner_id, _event(batch, counts, ended=False))


def tell_after(job: Job, **_: Any) -> None:
    """A job ended: the batch of its document moved on. A receiver of `realtime.signals.ended`."""
    if job.kind == KIND:
        ids = (
            Document.objects.filter(job=job).exclude(batch=None).values_list("batch_id", flat=True)
        )
        for batch_id in ids:
            tell(batch_id)


def sweep() -> None:
    """Tell of what is open, for processes that died before they did; ends what was given up."""
    for batch_id in Batch.objects.filter(ended_at=None).values_list("pk", flat=True):
        tell(batch_id)


def cancel(batch: Batch) -> int:
    """Cancel what of the batch has not ended; how many. What did not come is not waited for."""
    active = Job.objects.filter(document__batch=batch, status__in=ACTIVE)
    number = sum(jobs.cancel(job) for job in active)
    Batch.objects.filter(pk=batch.pk).update(total=F("arrived"))
    tell(batch.pk)
    return number


def _event(batch: Batch, counts: Counts, *, ended: bool) -> BatchProgress:
    return BatchProgress(
        batch_id=str(batch.pk),
        total=counts.total,
        arrived=counts.arrived,
        skipped=counts.skipped,
        waiting=counts.waiting,
        processing=counts.processing,
        ready=counts.ready,
        failed=counts.failed + counts.refused,
        refused=counts.refused,
        cancelled=counts.cancelled,
        progress=100 if ended else counts.progress,
        message=counts.words,
        terminal=ended,
    )
