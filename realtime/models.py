"""The Job: one run of a task, as a row its owner can watch; the outbox of its events; and what lets
a person in: sessions and API tokens."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class Status(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    WAITING = "WAITING", "Waiting for a person"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


ACTIVE = (Status.QUEUED, Status.RUNNING, Status.WAITING)
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
            models.Index(
                fields=["kind", "owner", "queued_at"],
                condition=models.Q(status=Status.QUEUED),
                name="job_in_line",
            ),
            models.Index(fields=["kind", "owner", "started_at"], name="job_by_turn"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.status}"

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def fence(self) -> int:
        """Grows when an attempt begins and when it is over: what a worker that was stopped in
        between still says of it afterwards is older, and the log does not take it."""
        return 2 * self.attempt + (self.status != Status.RUNNING)


class OutboxEvent(models.Model):
    """A state event between its row's commit and its place in the user's stream.

    Written in the transaction that changes the row, so that neither can be lost without the other;
    deleted once the stream has it.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    payload = models.BinaryField()
    job = models.UUIDField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0, help_text="The job's, when it was written.")
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


class Session(AbstractBaseSession):
    """A browser's or a program's sign-in. Its end, however it comes, is announced by triggers.

    The key is a secret that may change; `public_id` names the session for as long as it lives.
    """

    public_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session_key = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="sessions"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(auto_now_add=True, help_text="To the minute.")
    user_agent = models.CharField(max_length=200, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ("-last_seen_at", "public_id")

    def __str__(self) -> str:
        return f"session {self.public_id}"


class Scope(models.TextChoices):
    READ = "read", "Read"
    WRITE = "write", "Write"


class ApiToken(models.Model):
    """Lets a program in as its owner. The token itself is shown once and kept nowhere."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100)
    scopes = ArrayField(models.CharField(max_length=8, choices=Scope))
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, in hex.")
    prefix = models.CharField(max_length=12, help_text="How the token begins.")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "id")

    def __str__(self) -> str:
        return f"{self.name} of user {self.owner_id}"
