"""The chat pages, and the parts of them that are rendered again when something happens."""

import uuid

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from chat import sessions
from chat.models import ChatSession, Message
from chat.offers import chosen, offers
from chat.path import Tree
from chat.shown import shown_message, shown_steps
from chat.tools import provider
from documents.models import Document
from realtime.models import Status
from realtime.pages import Context, live_page, owner, shown

MESSAGES = 50
SESSIONS = 30
MOST_DOCUMENTS = 200  # to choose from


@require_safe
@live_page("chat/session.html")
def new_page(request: HttpRequest) -> Context:
    """A conversation that has not begun."""
    return {**_sessions(request), **_choices(request, None), "messages": []}


@require_safe
@live_page("chat/session.html")
def session_page(request: HttpRequest, session_id: uuid.UUID) -> Context:
    context = _session(request, session_id)
    # What is written may be half a second older than the stream's head.
    writing = (item.message.cursor for item in context["messages"] if item.is_writing)
    return {**context, **_sessions(request), "live_after": next(writing, "")}


@require_safe
@live_page("chat/_session.html")
def session_part(request: HttpRequest, session_id: uuid.UUID) -> Context:
    return _session(request, session_id)


@require_safe
@live_page("chat/_sessions.html")
def sessions_part(request: HttpRequest) -> Context:
    return _sessions(request)


@require_safe
@live_page("chat/_message.html")
def message_part(request: HttpRequest, message_id: uuid.UUID) -> Context:
    mine = Message.objects.filter(session__owner=owner(request))
    message = get_object_or_404(mine.select_related("session", "job"), pk=message_id)
    step = next(
        step for step in Tree(message.session).steps(message.pk) if step.message.pk == message_id
    )
    return {"item": shown_message(step)}


def _sessions(request: HttpRequest) -> Context:
    words, show = request.GET.get("q", "")[:200], shown(request, SESSIONS)
    found = list(sessions.search(owner(request), words)[: show + 1])
    return {
        "sessions": found[:show],
        "sessions_more": show + SESSIONS if len(found) > show else 0,
        "words": words,
    }


def _session(request: HttpRequest, session_id: uuid.UUID) -> Context:
    session = get_object_or_404(ChatSession, owner=owner(request), pk=session_id)
    show = shown(request, MESSAGES)
    steps = Tree(session).steps(session.leaf_id)
    items = shown_steps(steps[-show:])
    return {
        **_choices(request, session),
        "session": session,
        "export": f"/api/chat/sessions/{session.pk}/export",
        "messages": items,
        "earlier": show + MESSAGES if len(steps) > show else 0,
    }


def _choices(request: HttpRequest, session: ChatSession | None) -> Context:
    """What a conversation can be set up with."""
    documents = Document.objects.filter(owner=owner(request), job__status=Status.DONE)
    return {
        "offers": offers(),
        "offer": chosen(session.model if session else ""),
        "documents": documents.only("name").order_by("name")[:MOST_DOCUMENTS],
        "chosen_documents": set(session.documents.values_list("pk", flat=True)) if session else (),
        "servers": provider().servers(owner(request).pk),
    }
