"""Conversations as JSON."""

import uuid
from datetime import datetime
from typing import Any, Literal

from django.db.models import Model, prefetch_related_objects
from pydantic import Field

from chat.events import STATUSES
from chat.models import ChatSession, Message
from chat.path import Tree
from chat.tools import Arguments
from realtime.models import Status
from realtime.problems import CamelSchema
from realtime.text import Text


class Begun(CamelSchema):
    session_id: uuid.UUID


class SetUp(CamelSchema):
    """What is left out stays."""

    title: str | None = None
    model: str | None = None
    use_documents: bool | None = None
    document_ids: list[uuid.UUID] | None = Field(default=None, max_length=100)
    collection_ids: list[uuid.UUID] | None = Field(default=None, max_length=100)
    mcp_server_ids: list[str] | None = Field(default=None, max_length=20)


class Words(CamelSchema):
    """In Markdown, at most 32,000 characters."""

    content: str


class Sent(CamelSchema):
    message_id: uuid.UUID
    reply_id: uuid.UUID


class Replied(CamelSchema):
    reply_id: uuid.UUID


class Regenerate(CamelSchema):
    model: str | None = None


class Decision(CamelSchema):
    """Approve: once, or `always` for this version of the server; with other `arguments` than the
    model's, if there are some. Deny: the model is told the `reason`."""

    decision: Literal["approve", "deny"]
    always: bool = False
    reason: Text = ""
    arguments: Arguments | None = None


class CallState(CamelSchema):
    call_id: uuid.UUID
    server_name: str
    name: str
    status: str
    arguments: dict[str, Any]
    reason: str
    result: str


class SourceState(CamelSchema):
    rank: int
    document_id: uuid.UUID | None
    document_name: str
    page: int
    start: int
    end: int
    text: str
    score: float


class MessageState(CamelSchema):
    """`status` as in `message_status` events, COMPLETE for what a person wrote. Figures: tokens,
    milliseconds to the first of them, and their rate."""

    message_id: uuid.UUID
    parent_id: uuid.UUID | None
    role: str
    content: str
    status: str
    error: str
    note: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    first_token_ms: int | None
    tokens_per_second: float | None
    versions: list[uuid.UUID] = []
    tool_calls: list[CallState]
    sources: list[SourceState]
    created_at: datetime


class SessionSummary(CamelSchema):
    session_id: uuid.UUID
    title: str
    model: str
    use_documents: bool
    created_at: datetime
    updated_at: datetime


class SessionState(SessionSummary):
    """`messages`: the branch that is shown."""

    document_ids: list[uuid.UUID]
    collection_ids: list[uuid.UUID]
    mcp_server_ids: list[str]
    messages: list[MessageState]


class SessionPage(CamelSchema):
    sessions: list[SessionSummary]
    next: str | None


class ModelState(CamelSchema):
    """`isDemo`: the tiny one that comes along, too small to be trusted."""

    name: str
    is_demo: bool


class Models(CamelSchema):
    models: list[ModelState]


class ToolState(CamelSchema):
    name: str
    description: str
    schema_: dict[str, Any] = Field(alias="schema")


class ToolServerState(CamelSchema):
    id: str
    name: str
    tools: list[ToolState]


class ToolServers(CamelSchema):
    servers: list[ToolServerState]


class Permission(CamelSchema):
    """A tool that is always allowed, at one version of its server."""

    id: uuid.UUID
    server_name: str
    tool: str
    created_at: datetime


class Permissions(CamelSchema):
    permissions: list[Permission]


def summary(session: ChatSession) -> dict[str, Any]:
    names = ("title", "model", "use_documents", "created_at", "updated_at")
    return {"session_id": session.pk} | {name: getattr(session, name) for name in names}


def state(session: ChatSession) -> dict[str, Any]:
    steps = Tree(session).steps(session.leaf_id)
    states = message_states([step.message for step in steps])
    return summary(session) | {
        "document_ids": list(session.documents.values_list("pk", flat=True)),
        "collection_ids": list(session.collections.values_list("pk", flat=True)),
        "mcp_server_ids": session.mcp_server_ids,
        "messages": [
            shown | {"versions": step.versions} for shown, step in zip(states, steps, strict=True)
        ],
    }


def message_states(messages: list[Message]) -> list[dict[str, Any]]:
    """With few queries, however many they are."""
    prefetch_related_objects(messages, "job", "tool_calls", "sources")
    return [message_state(message) for message in messages]


def message_state(message: Message) -> dict[str, Any]:
    names = (
        "parent_id", "role", "content", "note", "model", "prompt_tokens", "completion_tokens",
        "first_token_ms", "tokens_per_second", "created_at",
    )  # fmt: skip
    job = message.job
    return _fields(message, *names) | {
        "message_id": message.pk,
        "status": STATUSES[Status(job.status)] if job else "COMPLETE",
        "error": job.error if job else "",
        "tool_calls": [
            {"call_id": call.pk} | _fields(call, *CallState.model_fields, without="call_id")
            for call in message.tool_calls.all()
        ],
        "sources": [_fields(row, *SourceState.model_fields) for row in message.sources.all()],
    }


def _fields(row: Model, *names: str, without: str = "") -> dict[str, Any]:
    return {name: getattr(row, name) for name in names if name != without}
