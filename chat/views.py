"""The chat pages, and the parts of them that are rendered again when something happens."""

import json
import uuid

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from chat import sessions
from chat.models import CallStatus, ChatSession, Message, ToolCall
from chat.offers import chosen, offers
from chat.path import Tree
from chat.shown import shown_message, shown_steps
from chat.tools import provider
from documents.models import Collection, Document
from realtime.models import ACTIVE, Job, Status
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
    running = (i.message.cursor for i in context["messages"] if i.job_status == Status.RUNNING)
    return {
        **context,
        **_sessions(request),
        **_choices(request, context["session"]),
        "live_after": next(running, ""),
    }


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
    return {"item": shown_message(step), "offers": offers()}


def _sessions(request: HttpRequest) -> Context:
    """The conversations that have begun. `show` is the list's own; that of the messages is not."""
    words, show = request.GET.get("q", "")[:200], shown(request, SESSIONS, by="chats")
    mine = sessions.search(owner(request), words).exclude(leaf=None)
    found = list(_with_state(mine)[: show + 1])
    return {
        "sessions": found[:show],
        "sessions_more": show + SESSIONS if len(found) > show else 0,
        "words": words,
    }


def _with_state(found: QuerySet[ChatSession]) -> QuerySet[ChatSession]:
    """With what to say of each: a reply is being written, or a tool waits for its owner."""
    writing = Job.objects.filter(chat_message__session=OuterRef("pk"), status__in=ACTIVE)
    asked = ToolCall.objects.filter(
        message__session=OuterRef("pk"), status=CallStatus.AWAITING_APPROVAL
    )
    return found.annotate(is_writing=Exists(writing), asks=Exists(asked))


def _session(request: HttpRequest, session_id: uuid.UUID) -> Context:
    session = get_object_or_404(ChatSession, owner=owner(request), pk=session_id)
    show = shown(request, MESSAGES)
    steps = Tree(session).steps(session.leaf_id)
    items = shown_steps(steps[-show:])
    return {
        "offers": offers(),
        "offer": chosen(session.model),
        "set_up": _set_up(session),
        "session": session,
        "export": f"/api/chat/sessions/{session.pk}/export",
        "messages": items,
        "earlier": show + MESSAGES if len(steps) > show else 0,
    }


def _set_up(session: ChatSession) -> str:
    """How the conversation is set up now, for the switches of its composer."""
    offer = chosen(session.model)
    documents = session.documents.values_list("pk", flat=True)
    collections = session.collections.values_list("pk", flat=True)
    return json.dumps(
        {
            "model": [offer.name] if offer else [],
            "use_documents": ["on"] if session.use_documents else [],
            "document": [str(pk) for pk in documents],
            "collection": [str(pk) for pk in collections],
            "server": session.mcp_server_ids,
        }
    )


def _choices(request: HttpRequest, session: ChatSession | None) -> Context:
    """What a conversation can be set up with."""
    documents = Document.objects.filter(owner=owner(request), job__status=Status.DONE)
    chosen_documents = set(session.documents.values_list("pk", flat=True)) if session else set()
    places = set(session.collections.values_list("pk", flat=True)) if session else set()
    return {
        "offers": offers(),
        "offer": chosen(session.model if session else ""),
        "collections": Collection.objects.filter(owner=owner(request)),
        "chosen_collections": places,
        "chosen": len(chosen_documents) + len(places),
        "none_chosen": "None is left" if session and session.is_limited else "All of them",
        "documents": documents.only("name").order_by("name")[:MOST_DOCUMENTS],
        "chosen_documents": chosen_documents,
        "servers": provider().servers(owner(request).pk),
    }
