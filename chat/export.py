"""A conversation as a file: what is shown as Markdown, or all branches as JSON."""

from typing import Any

from chat.models import ChatSession, Message, ToolCall
from chat.path import Tree


def as_markdown(session: ChatSession) -> str:
    """The path that is shown, for reading."""
    lines = [f"# {session}", ""]
    for message in Tree(session).path(session.leaf_id):
        who = f"Assistant ({message.model})" if message.is_reply else "You"
        lines += [f"## {who}, {message.created_at:%Y-%m-%d %H:%M} UTC", "", message.content, ""]
        lines += [_call(call) for call in message.tool_calls.all()]
        sources = list(message.sources.all())
        lines += [f"- {source}" for source in sources] + ([""] if sources else [])
    return "\n".join(lines)


def _call(call: ToolCall) -> str:
    return f"> Used {call.name} of {call.server_name}: {call.get_status_display()}\n"


def as_json(session: ChatSession) -> dict[str, Any]:
    """Everything: the messages of all branches, each with its parent."""
    messages = session.messages.prefetch_related("tool_calls", "sources")
    return {
        "sessionId": str(session.pk),
        "title": session.title,
        "createdAt": session.created_at.isoformat(),
        "leafId": str(session.leaf_id) if session.leaf_id else None,
        "messages": [_message(message) for message in messages],
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "messageId": str(message.pk),
        "parentId": str(message.parent_id) if message.parent_id else None,
        "role": message.role,
        "content": message.content,
        "model": message.model,
        "createdAt": message.created_at.isoformat(),
        "toolCalls": [
            {
                "name": call.name,
                "server": call.server_name,
                "arguments": call.arguments,
                "status": call.status,
                "result": call.result,
            }
            for call in message.tool_calls.all()
        ],
        "sources": [
            {"rank": source.rank, "documentName": source.document_name, "page": source.page}
            for source in message.sources.all()
        ],
    }
