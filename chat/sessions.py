"""Conversations as a whole: begun, named, set up, found, deleted."""

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from chat.events import tell_session
from chat.models import ChatSession
from chat.tools import provider
from chat.turns import NotTaken, offered
from documents.models import Collection, Document
from rag.limits import ALL, Limits
from realtime import jobs
from realtime.models import ACTIVE, Job

MOST_TITLE = 120
MOST_DOCUMENTS = 100


def begin(owner: User) -> ChatSession:
    """An empty conversation."""
    with transaction.atomic():
        session = ChatSession.objects.create(owner=owner, updated_at=timezone.now())
        tell_session(session, "CREATED")
    return session


def set_up(
    session: ChatSession,
    *,
    title: str | None = None,
    model: str | None = None,
    use_documents: bool | None = None,
    document_ids: list[uuid.UUID] | None = None,
    collection_ids: list[uuid.UUID] | None = None,
    mcp_server_ids: list[str] | None = None,
) -> None:
    """Change what is not None. Raises NotTaken for what is not there, or not the owner's."""
    fields: dict[str, Any] = {}
    if title is not None:
        fields |= {"title": _title(title), "is_titled": True}
    if model is not None:
        fields["model"] = offered(model)
    if use_documents is not None:
        fields["use_documents"] = use_documents
    if mcp_server_ids is not None:
        fields["mcp_server_ids"] = _servers(session.owner_id, mcp_server_ids)
    with transaction.atomic():
        if document_ids is not None:
            session.documents.set(_documents(session.owner_id, document_ids))
        if collection_ids is not None:
            session.collections.set(_collections(session.owner_id, collection_ids))
        if document_ids is not None or collection_ids is not None:
            fields["is_limited"] = Limits.of(session) != ALL
        for name, value in fields.items():
            setattr(session, name, value)
        if fields:
            session.save(update_fields=list(fields))
        tell_session(session, "CHANGED")


def delete(session: ChatSession) -> None:
    """End its replies and forget it with all its messages."""
    with transaction.atomic():
        # The session first, then its jobs, then the rest: as everybody takes the locks.
        ChatSession.objects.select_for_update().filter(pk=session.pk).first()
        for job in Job.objects.filter(chat_message__session=session, status__in=ACTIVE):
            jobs.withdraw(job)
        ChatSession.objects.filter(pk=session.pk).delete()
        tell_session(session, "DELETED")


def follow_version(old: Document, new: Document, **_: Any) -> None:
    """Conversations that answer from a document answer from its new version."""
    chosen = ChatSession.documents.through
    ids = chosen.objects.filter(document=old).values_list("chatsession_id", flat=True)
    chosen.objects.bulk_create(
        [chosen(chatsession_id=pk, document=new) for pk in ids], ignore_conflicts=True
    )


def search(owner: User, words: str) -> QuerySet[ChatSession]:
    """The owner's conversations, the latest first; with words, those that hold them."""
    found = ChatSession.objects.filter(owner=owner)
    if words := words.strip().replace("\0", ""):
        matches = Q(title__icontains=words) | Q(messages__content__icontains=words)
        found = found.filter(pk__in=ChatSession.objects.filter(matches, owner=owner).values("pk"))
    return found


def _title(title: str) -> str:
    title = " ".join(title.encode("utf-8", "ignore").decode().replace("\0", "").split())
    if not title:
        raise NotTaken("A conversation needs a title.", "title")
    return title[:MOST_TITLE]


def _documents(owner_id: int, ids: list[uuid.UUID]) -> list[Document]:
    found = list(Document.objects.filter(owner_id=owner_id, pk__in=ids[:MOST_DOCUMENTS]))
    if len(found) != len(set(ids)):
        raise NotTaken("Some of these documents are not there (any more).", "documentIds")
    return found


def _collections(owner_id: int, ids: list[uuid.UUID]) -> list[Collection]:
    found = list(Collection.objects.filter(owner_id=owner_id, pk__in=ids))
    if len(found) != len(set(ids)):
        raise NotTaken("Some of these collections are not there (any more).", "collectionIds")
    return found


def _servers(owner_id: int, ids: list[str]) -> list[str]:
    known = {server.id for server in provider().servers(owner_id)}
    if not known.issuperset(ids):
        raise NotTaken("Some of these servers are not there (any more).", "mcpServerIds")
    return list(dict.fromkeys(ids))
