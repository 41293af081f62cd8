"""What sockets are told of conversations, beside the text itself."""

from typing import Any, Literal, cast

import msgspec
from msgspec import UNSET, UnsetType

from chat.models import ChatSession, Message, ToolCall
from realtime.events import Event
from realtime.models import Job, Status
from realtime.publish import publish

# Bytes of JSON; longer arguments are left out of the event, which may have 16 KiB.
MOST_ARGUMENTS, MOST_RESULT, MOST_REASON = 4 * 1024, 4 * 1024, 2 * 1024

ReplyStatus = Literal["QUEUED", "WRITING", "WAITING", "COMPLETE", "FAILED", "CANCELLED"]
Stage = Literal["", "EMBEDDING", "RETRIEVAL", "GENERATION", "TOOLS"]
STARTED = "Starting"
STATUSES: dict[Status, ReplyStatus] = {
    Status.QUEUED: "QUEUED",
    Status.RUNNING: "WRITING",
    Status.WAITING: "WAITING",
    Status.DONE: "COMPLETE",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "CANCELLED",
}


class MessageStatus(Event, frozen=True, kw_only=True, tag="message_status"):
    """A reply moved on.

    WAITING: for the reply before it, or for its owner to allow a tool. `stage` is empty before the
    first; `progress` is in percent of what comes before the text.
    """

    message_id: str
    session_id: str
    status: ReplyStatus
    stage: Stage
    progress: int
    message: str


class ChatSessionChanged(Event, frozen=True, kw_only=True, tag="chat_session"):
    """A conversation is new, was changed (its name, set-up, messages or branch), or is gone."""

    session_id: str
    status: Literal["CREATED", "CHANGED", "DELETED"]
    title: str


class ToolCallChanged(Event, frozen=True, kw_only=True, tag="tool_call"):
    """A tool that a reply wants to use, uses or has used. Long arguments and results are cut."""

    call_id: str
    message_id: str
    session_id: str
    server_name: str
    name: str
    status: Literal["awaiting_approval", "approved", "denied", "running", "done", "failed"]
    arguments: dict[str, Any] | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    result: str | UnsetType = UNSET


def message_status(job: Job) -> MessageStatus:
    """How the reply that the job writes stands now."""
    session_id = Message.objects.filter(pk=job.subject).values_list("session_id", flat=True).first()
    return MessageStatus(
        message_id=str(job.subject),
        session_id=str(session_id or ""),
        status=STATUSES[Status(job.status)],
        stage=cast("Stage", job.stage),
        progress=job.progress,
        message=job.error[:500] or job.message or STARTED,
    )


def tell_session(session: ChatSession, status: Literal["CREATED", "CHANGED", "DELETED"]) -> None:
    """Tell its owner's tabs of a conversation, in the transaction that changed it."""
    event = ChatSessionChanged(session_id=str(session.pk), status=status, title=session.title)
    publish(session.owner_id, event, durable=True)


def tell_call(owner_id: int, call: ToolCall) -> None:
    """Tell its owner's tabs of a tool call, in the transaction that changed it."""
    small = len(msgspec.json.encode(call.arguments)) <= MOST_ARGUMENTS
    event = ToolCallChanged(
        call_id=str(call.pk),
        message_id=str(call.message_id),
        session_id=str(call.message.session_id),
        server_name=call.server_name,
        name=call.name,
        status=call.status,  # type: ignore[arg-type]
        arguments=call.arguments if small else UNSET,
        reason=_cut(call.reason, MOST_REASON) or UNSET,
        result=_cut(call.result, MOST_RESULT) or UNSET,
    )
    publish(owner_id, event, durable=True)


def _cut(text: str, most: int) -> str:
    """The beginning of a text, of a number of bytes in JSON."""
    text = text[:most]
    while len(msgspec.json.encode(text)) > most:
        text = text[: len(text) * 3 // 4]
    return text
