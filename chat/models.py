"""Conversations: sessions, their messages as a tree, and what a reply did on its way."""

import uuid

from django.conf import settings
from django.db import models

from documents.models import Collection, Document
from rag.models import FoundPassage
from realtime.models import Job


class ChatSession(models.Model):
    """One conversation. Its messages are a tree; what is shown is the path that ends in `leaf`.

    `is_titled`: the title is a person's or the model's own, and stays.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_sessions"
    )
    title = models.CharField(max_length=120, blank=True)
    is_titled = models.BooleanField(default=False)
    model = models.CharField(max_length=200, blank=True, help_text="Empty: the first configured.")
    use_documents = models.BooleanField(default=False)
    documents = models.ManyToManyField(
        Document, blank=True, related_name="+", help_text="Answer from these; none means all."
    )
    collections = models.ManyToManyField(
        Collection, blank=True, related_name="+", help_text="Answer from those in these as well."
    )
    is_limited = models.BooleanField(
        default=False, help_text="To the documents and collections chosen, also once they are gone."
    )
    mcp_server_ids = models.JSONField(default=list, blank=True)
    leaf = models.ForeignKey(
        "chat.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(help_text="Of the last message.")

    class Meta:
        ordering = ("-updated_at", "-id")
        indexes = [models.Index(fields=["owner", "-updated_at"], name="chat_by_owner")]

    def __str__(self) -> str:
        return self.title or "New chat"


class Role(models.TextChoices):
    USER = "user", "User"
    ASSISTANT = "assistant", "Assistant"


class Message(models.Model):
    """What a person wrote, or a reply as far as it is written. A reply has a job.

    `content` is a checkpoint while the reply is being written: the stream has all events after
    `cursor` that complete it. `settled` characters of it stay when the reply is taken up again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )
    # RESTRICT, not PROTECT: deleting the owner deletes both.
    job = models.OneToOneField(
        Job, null=True, blank=True, on_delete=models.RESTRICT, related_name="chat_message"
    )
    role = models.CharField(max_length=16, choices=Role)
    content = models.TextField(blank=True)
    cursor = models.CharField(max_length=64, blank=True)
    settled = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0, help_text="The job's, that writes it.")
    model = models.CharField(max_length=200, blank=True, help_text="Which wrote it.")
    note = models.CharField(max_length=500, blank=True, help_text="What its reader should know.")
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(null=True, blank=True)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_second = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("created_at", "id")
        indexes = [models.Index(fields=["session", "created_at"], name="message_by_session")]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"

    @property
    def is_reply(self) -> bool:
        return self.role == Role.ASSISTANT


class Source(FoundPassage):
    """A passage that a grounded reply rests on: `[rank]` in its text refers to it."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="sources")

    class Meta:
        ordering = ("rank",)
        constraints = [models.UniqueConstraint(fields=["message", "rank"], name="source_rank_once")]


class CallStatus(models.TextChoices):
    """The states of `tool_call` events."""

    AWAITING_APPROVAL = "awaiting_approval", "Waiting for you"
    APPROVED = "approved", "Approved"
    DENIED = "denied", "Denied"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


OPEN = (CallStatus.AWAITING_APPROVAL, CallStatus.APPROVED, CallStatus.RUNNING)


class ToolCall(models.Model):
    """A call that the model asked for. Nothing runs before its owner allowed it.

    It stands after `offset` characters of the reply; those of one `round` were asked for together.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="tool_calls")
    round = models.PositiveSmallIntegerField()
    offset = models.PositiveIntegerField()
    model_call_id = models.CharField(max_length=200, help_text="The model's own name for it.")
    server_id = models.CharField(max_length=64)
    server_name = models.CharField(max_length=200)
    server_identity = models.CharField(max_length=500, help_text="What an approval is bound to.")
    name = models.CharField(max_length=200)
    model_name = models.CharField(max_length=64, help_text="The tool, as the model calls it.")
    arguments = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=20, choices=CallStatus)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was denied.")
    result = models.TextField(blank=True, help_text="Masked and cut.")
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("round", "asked_at", "id")
        indexes = [
            models.Index(
                fields=["asked_at"],
                condition=models.Q(status__in=("awaiting_approval", "approved", "running")),
                name="call_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.server_name}: {self.name}"


class ToolPermission(models.Model):
    """ "Always allow this tool", for one version of one server; revoked in Settings."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tool_permissions"
    )
    server_name = models.CharField(max_length=200)
    server_identity = models.CharField(max_length=500)
    tool = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("server_name", "tool")
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "server_identity", "tool"], name="tool_allowed_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.tool} of {self.server_name}"
