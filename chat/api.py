"""Conversations over HTTP. Replies come by the socket."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from ninja import Router

from chat import approve, export, sessions, turns
from chat.models import ChatSession, Message, ToolCall, ToolPermission
from chat.offers import offers
from chat.states import (
    Begun,
    Decision,
    MessageState,
    Models,
    Permissions,
    Regenerate,
    Replied,
    Sent,
    SessionPage,
    SessionState,
    SetUp,
    ToolServers,
    Words,
    message_state,
    state,
    summary,
)
from chat.tools import provider
from chat.turns import NotTaken
from documents.api import user_of
from realtime.idempotency import idempotent
from realtime.paging import LIMIT, page
from realtime.problems import Problem

router = Router(tags=["chat"])


def my_sessions(request: HttpRequest) -> QuerySet[ChatSession]:
    return ChatSession.objects.filter(owner=user_of(request))


def my_session(request: HttpRequest, session_id: uuid.UUID) -> ChatSession:
    return get_object_or_404(my_sessions(request), pk=session_id)


def my_message(request: HttpRequest, message_id: uuid.UUID) -> Message:
    mine = Message.objects.filter(session__owner=user_of(request))
    return get_object_or_404(mine.select_related("session__owner", "job"), pk=message_id)


@contextmanager
def in_words() -> Iterator[None]:
    """What cannot be taken, as a problem."""
    try:
        yield
    except NotTaken as error:
        raise Problem(422, "Not taken", str(error), {error.field: [str(error)]}) from None


# --- Sessions -------------------------------------------------------------------------------------
@router.post("/sessions", response={201: Begun}, by_alias=True)
@idempotent
def post_session(request: HttpRequest) -> tuple[int, dict[str, Any]]:
    return 201, {"session_id": sessions.begin(user_of(request)).pk}


@router.get("/sessions", response=SessionPage, by_alias=True)
def index(
    request: HttpRequest, q: str = "", cursor: str = "", limit: int = LIMIT
) -> dict[str, Any]:
    """My conversations, the latest first; with `q` those whose title or messages hold it."""
    rows, following = page(sessions.search(user_of(request), q), cursor, limit, by="updated_at")
    return {"sessions": [summary(session) for session in rows], "next": following}


@router.get("/sessions/{uuid:session_id}", response=SessionState, by_alias=True)
def show(request: HttpRequest, session_id: uuid.UUID) -> dict[str, Any]:
    return state(my_session(request, session_id))


@router.patch("/sessions/{uuid:session_id}", response=SessionState, by_alias=True)
def patch(request: HttpRequest, session_id: uuid.UUID, body: SetUp) -> dict[str, Any]:
    session = my_session(request, session_id)
    with in_words():
        sessions.set_up(session, **body.dict(exclude_unset=True))
    return state(session)


@router.delete("/sessions/{uuid:session_id}", response={204: None})
def delete(request: HttpRequest, session_id: uuid.UUID) -> tuple[int, None]:
    sessions.delete(my_session(request, session_id))
    return 204, None


@router.get("/sessions/{uuid:session_id}/export")
def get_export(
    request: HttpRequest, session_id: uuid.UUID, format: Literal["markdown", "json"] = "markdown"
) -> HttpResponse:
    """What is shown as Markdown, or all branches as JSON."""
    session = my_session(request, session_id)
    if format == "json":
        response: HttpResponse = JsonResponse(export.as_json(session))
    else:
        response = HttpResponse(export.as_markdown(session), content_type="text/markdown")
    name = f"{session}.{'json' if format == 'json' else 'md'}"
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    return response


# --- Messages -------------------------------------------------------------------------------------
@router.post("/sessions/{uuid:session_id}/messages", response={202: Sent}, by_alias=True)
@idempotent
def post_message(
    request: HttpRequest, session_id: uuid.UUID, body: Words
) -> tuple[int, dict[str, Any]]:
    """Send a message. Its reply is written at once, or after the one that is being written."""
    with in_words():
        message, reply = turns.send(my_session(request, session_id), body.content)
    return 202, {"message_id": message.pk, "reply_id": reply.pk}


@router.get("/messages/{uuid:message_id}", response=MessageState, by_alias=True)
def get_message(request: HttpRequest, message_id: uuid.UUID) -> dict[str, Any]:
    return message_state(my_message(request, message_id))


@router.post("/messages/{uuid:message_id}/edit", response={202: Sent}, by_alias=True)
@idempotent
def post_edit(
    request: HttpRequest, message_id: uuid.UUID, body: Words
) -> tuple[int, dict[str, Any]]:
    """Another version of what I wrote, with a reply; the earlier one stays beside it."""
    with in_words():
        message, reply = turns.edit(my_message(request, message_id), body.content)
    return 202, {"message_id": message.pk, "reply_id": reply.pk}


@router.post("/messages/{uuid:message_id}/regenerate", response={202: Replied}, by_alias=True)
@idempotent
def post_regenerate(
    request: HttpRequest, message_id: uuid.UUID, body: Regenerate | None = None
) -> tuple[int, dict[str, Any]]:
    """Another reply beside this one."""
    with in_words():
        reply = turns.regenerate(my_message(request, message_id), body.model if body else None)
    return 202, {"reply_id": reply.pk}


@router.post("/messages/{uuid:message_id}/select", response={204: None})
def post_select(request: HttpRequest, message_id: uuid.UUID) -> tuple[int, None]:
    """Show the branch that this message is on."""
    with in_words():
        turns.show(my_message(request, message_id))
    return 204, None


@router.post("/messages/{uuid:message_id}/stop", response={202: MessageState}, by_alias=True)
def post_stop(request: HttpRequest, message_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    """End the reply; what is written stays."""
    reply = my_message(request, message_id)
    if not turns.stop(reply):
        raise Problem(409, "Nothing to stop", "The reply has ended.")
    return 202, message_state(my_message(request, message_id))


@router.post("/messages/{uuid:message_id}/retry", response={202: MessageState}, by_alias=True)
@idempotent
def post_retry(request: HttpRequest, message_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    with in_words():
        is_queued = turns.retry(my_message(request, message_id))
    if not is_queued:
        words = "Only what failed or was stopped is retried, and one reply at a time."
        raise Problem(409, "Nothing to retry", words)
    return 202, message_state(my_message(request, message_id))


# --- Tools and models -----------------------------------------------------------------------------
@router.post("/tool-calls/{uuid:call_id}", response={202: MessageState}, by_alias=True)
def post_decision(
    request: HttpRequest, call_id: uuid.UUID, body: Decision
) -> tuple[int, dict[str, Any]]:
    """Allow or deny a call that waits for me; the first decision counts."""
    mine = ToolCall.objects.filter(message__session__owner=user_of(request))
    call = get_object_or_404(mine.select_related("message__session"), pk=call_id)
    with in_words():
        if body.decision == "approve":
            won = approve.approve(call, always=body.always, arguments=body.arguments)
        else:
            won = approve.deny(call, body.reason)
    if not won:
        raise Problem(409, "Decided already", "Somebody, or the clock, was faster.")
    return 202, message_state(my_message(request, call.message_id))


@router.get("/models", response=Models, by_alias=True)
def get_models(request: HttpRequest) -> dict[str, Any]:
    """The language models to choose from; the first is the default."""
    return {"models": [{"name": offer.name, "is_demo": offer.is_demo} for offer in offers()]}


@router.get("/tool-servers", response=ToolServers, by_alias=True)
def get_tool_servers(request: HttpRequest) -> dict[str, Any]:
    """The servers whose tools a conversation of mine can use."""
    return {"servers": provider().servers(user_of(request).pk)}


@router.get("/tool-permissions", response=Permissions, by_alias=True)
def get_permissions(request: HttpRequest) -> dict[str, Any]:
    """The tools that I always allow."""
    return {"permissions": ToolPermission.objects.filter(owner=user_of(request))}


@router.delete("/tool-permissions/{uuid:permission_id}", response={204: None})
def delete_permission(request: HttpRequest, permission_id: uuid.UUID) -> tuple[int, None]:
    get_object_or_404(ToolPermission, owner=user_of(request), pk=permission_id).delete()
    return 204, None
