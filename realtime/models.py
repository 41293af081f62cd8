"""The Job: one run of a task, as a row its owner can watch; and the outbox of its events."""

import uuid

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class Status(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


ACTIVE = (Status.QUEUED, Status.RUNNING)
ENDED = (Status.DONE, Status.FAILED, Status.CANCELLED)


class Job(models.Model):
    """One run of a Celery task. Changed only through `realtime.jobs`, by conditional updates.

    `attempt` counts claims and fences writes: whoever holds an older attempt can change nothing.
    `lease_until` is renewed while a worker is alive; past it the job is taken up again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs"
    )
    kind = models.CharField(max_length=64, help_text="The name of the Celery task.")
    subject = models.UUIDField(help_text="The row that the job works on.")
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    stage = models.CharField(max_length=32, blank=True)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent.")
    message = models.CharField(max_length=500, blank=True)
    error = models.TextField(blank=True, help_text="Why it failed, in words for its owner.")
    attempt = models.PositiveIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(
        default=0, help_text="Workers lost since it was queued by a person."
    )
    worker = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    timings = models.JSONField(
        default=dict, blank=True, help_text="Milliseconds spent, by stage, of the last attempt."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="job_by_owner"),
            models.Index(fields=["subject"], name="job_by_subject"),
            models.Index(
                fields=["status", "lease_until"],
                condition=models.Q(status__in=ACTIVE),
                name="job_active",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.status}"

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


class OutboxEvent(models.Model):
    """A state event between its row's commit and its place in the user's stream.

    Written in the transaction that changes the row, so that neither can be lost without the other;
    deleted once the stream has it.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    payload = models.BinaryField()
    job = models.UUIDField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0, help_text="The job's, when it was written.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        indexes = [models.Index(fields=["user", "id"], name="outbox_by_user")]

    def __str__(self) -> str:
        return f"outbox event {self.pk} of user {self.user_id}"


class IdempotentRequest(models.Model):
    """A POST that was answered under an `Idempotency-Key`, and its answer."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_once")
        ]

    def __str__(self) -> str:
        return f"{self.key} of user {self.owner_id}"
