"""A conversation as a file: what is shown as Markdown, or all branches as JSON."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import prefetch_related_objects

from chat.models import ChatSession, Message, ToolCall
from chat.path import Tree
from chat.states import MessageState, message_states


def as_markdown(session: ChatSession) -> str:
    """The path that is shown, for reading."""
    path = Tree(session).path(session.leaf_id)
    prefetch_related_objects(path, "tool_calls", "sources")
    return "\n\n".join([f"# {session}", *(part for message in path for part in _parts(message))])


def _parts(message: Message) -> Iterator[str]:
    who = "You"
    if message.is_reply:
        who = f"Assistant ({message.model})" if message.model else "Assistant"
    yield f"## {who}, {message.created_at:%Y-%m-%d %H:%M} UTC"
    begin = 0
    for call in message.tool_calls.all():
        if text := message.content[begin : call.offset].strip():
            yield text
        begin = call.offset
        yield _call(call)
    if text := message.content[begin:].strip():
        yield text
    if message.job and message.job.error:
        yield f"> {message.job.error}"
    if message.note:
        yield f"> {message.note}"
    if sources := list(message.sources.all()):
        yield "\n".join(f"- {source}" for source in sources)


def _call(call: ToolCall) -> str:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    state = call.get_status_display()
    return f"> Tool {call.name} of {call.server_name}, with {arguments}: {state}"


def as_json(session: ChatSession) -> dict[str, Any]:
    """Everything: the messages of all branches, each with its parent, in the words of the API."""
    states = message_states(list(session.messages.all()))
    return {
        "sessionId": str(session.pk),
        "title": session.title,
        "createdAt": session.created_at.isoformat(),
        "leafId": str(session.leaf_id) if session.leaf_id else None,
        "messages": [
            MessageState(**state).model_dump(mode="json", by_alias=True, exclude={"versions"})
            for state in states
        ],
    }
