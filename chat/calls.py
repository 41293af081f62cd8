"""Calls of tools that a reply makes: asked for by the model, allowed by its owner, carried out.

Imported by workers. What its owner does about them is in `chat.approve`.
"""

import asyncio
import logging
import uuid
from typing import Any

from django.utils import timezone

from chat import tools
from chat.events import tell_call
from chat.generate import Asked
from chat.mask import masked
from chat.models import CallStatus, Message, ToolCall, ToolPermission
from chat.tools import Result, ToolServer, ToolUnavailable, named
from realtime.work import Report

logger = logging.getLogger(__name__)

MOST_RESULT = 16_000  # characters that are kept, and go to the model
MOST_SECONDS = 120  # of one call, whatever the provider allows
UNKNOWN = "There is no such tool."
GONE = "The server is not there any more, or is another version."


def of(reply: Message) -> list[ToolCall]:
    return list(reply.tool_calls.select_related("message"))


def of_path(path: list[Message]) -> dict[uuid.UUID, list[ToolCall]]:
    """The calls of each message that made some, by its id."""
    found: dict[uuid.UUID, list[ToolCall]] = {}
    for call in ToolCall.objects.filter(message__in=path):
        found.setdefault(call.message_id, []).append(call)
    return found


def described(servers: list[ToolServer]) -> list[dict[str, Any]]:
    """The tools, as a model is told of them."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": tool.description[:1000],
                "parameters": tool.schema or {"type": "object", "properties": {}},
            },
        }
        for name, (_, tool) in named(servers).items()
    ]


def ask(
    reply: Message,
    number: int,
    asked: list[Asked],
    servers: list[ToolServer],
    report: Report,
    fields: dict[str, Any],
) -> None:
    """Keep what the model asked for in a round, each to be allowed, and tell its owner. The text
    before them, and other fields of its row, stay from now on."""
    names, owner_id = named(servers), reply.session.owner_id
    allowed = set(
        ToolPermission.objects.filter(owner_id=owner_id).values_list("server_identity", "tool")
    )
    with report.fence():
        if reply.tool_calls.filter(round=number).exists():
            return  # asked twice, as the database was away
        text = {"content": reply.content, "settled": len(reply.content)}
        Message.objects.filter(pk=reply.pk).update(**text, **fields)
        for wanted in asked:
            call = _row(reply, number, wanted, names.get(wanted.name))
            is_allowed = (call.server_identity, call.name) in allowed
            if is_allowed and call.status == CallStatus.AWAITING_APPROVAL:
                call.status, call.decided_at = CallStatus.APPROVED, timezone.now()
            call.save(force_insert=True)
            tell_call(owner_id, call)


def _row(
    reply: Message, number: int, asked: Asked, found: tuple[ToolServer, tools.Tool] | None
) -> ToolCall:
    name = tools.model_name(asked.name)
    call = ToolCall(
        message=reply,
        round=number,
        offset=len(reply.content),
        model_call_id=tools.model_name(asked.id) if asked.id else uuid.uuid4().hex,
        model_name=name,
        name=name,
        status=CallStatus.AWAITING_APPROVAL,
    )
    try:
        call.arguments = asked.parsed()
    except ValueError as error:
        call.status, call.result = CallStatus.FAILED, str(error)
    if found:
        server, tool = found
        call.server_id, call.server_name, call.name = server.id, server.name, tool.name
        call.server_identity = server.identity
    else:
        call.status, call.result = CallStatus.FAILED, UNKNOWN
    return call


def wait_for_owner(reply: Message, report: Report) -> None:
    """Let go of the job until every call is decided. Raises Paused."""
    awaiting = reply.tool_calls.filter(status=CallStatus.AWAITING_APPROVAL)
    report.pause("Waiting for you to allow a tool", awaiting.exists)


async def carry_out(
    call: ToolCall, owner_id: int, servers: list[ToolServer]
) -> tuple[CallStatus, str]:
    """Make an approved call; how it ended, and what it gave."""
    server = next((server for server in servers if server.id == call.server_id), None)
    try:
        if server is None or server.identity != call.server_identity:
            raise ToolUnavailable(GONE)
        async with asyncio.timeout(MOST_SECONDS):
            result = await tools.provider().call(owner_id, server, call.name, call.arguments)
    except ToolUnavailable as error:
        result = Result(str(error), is_error=True)
    except TimeoutError:
        result = Result(f"The tool took longer than {MOST_SECONDS} s.", is_error=True)
    except Exception:  # somebody else's, and no reason to end the reply
        logger.exception("call %s of a tool failed", call.pk)
        result = Result("The tool failed in a way that nobody foresaw.", is_error=True)
    return (CallStatus.FAILED if result.is_error else CallStatus.DONE), _kept(result.text)


def record(call: ToolCall, status: CallStatus, result: str, report: Report) -> None:
    """The call's new state, for its owner too."""
    call.status, call.result = status, result
    if status in (CallStatus.DONE, CallStatus.FAILED):
        call.finished_at = timezone.now()
    with report.fence():
        call.save(update_fields=["status", "result", "finished_at"])
        tell_call(report.job.owner_id, call)


def _kept(text: str) -> str:
    """A result without secrets, as long as it may be."""
    left_out = len(text) - MOST_RESULT
    storable = text[: 2 * MOST_RESULT].encode("utf-8", "ignore").decode().replace("\0", "")
    kept = masked(storable)[:MOST_RESULT]
    return kept if left_out <= 0 else f"{kept}\n[{left_out:,} more characters were left out]"
