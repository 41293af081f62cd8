"""What a person does in a conversation: write, edit, ask for another answer, stop, try again.

One reply of a session is written at a time. What is sent meanwhile waits for the one before it.
"""

import uuid
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat.events import tell_call, tell_session
from chat.models import OPEN, CallStatus, ChatSession, Message, Role, ToolCall
from chat.offers import offers
from chat.path import Tree
from realtime import jobs
from realtime.models import ACTIVE, ENDED, Job, Status

KIND = "chat.reply"
MOST_CHARACTERS = 32_000
TITLE = 60  # characters of a first title
IN_TURN = "Waiting for the answer before it"


class NotTaken(Exception):
    """What was sent cannot be taken; `str()` is what its writer is told, of a `field`."""

    def __init__(self, words: str, field: str = "content") -> None:
        super().__init__(words)
        self.field = field


def send(session: ChatSession, content: str) -> tuple[Message, Message]:
    """A message at the end of what is shown, and its queued reply. Raises NotTaken."""
    content = checked(content)
    with transaction.atomic():
        session = _locked(pk=session.pk)
        return _ask(session, content, session.leaf_id)


def edit(message: Message, content: str) -> tuple[Message, Message]:
    """A new version of a person's message, and its reply; the old ones stay beside it.

    Raises NotTaken.
    """
    if message.is_reply:
        raise NotTaken("Only what you wrote can be edited. Ask for another answer instead.")
    content = checked(content)
    with transaction.atomic():
        return _ask(_locked(pk=message.session_id), content, message.parent_id)


def regenerate(reply: Message, model: str | None = None) -> Message:
    """Another reply to the same message, beside this one; the session has its model from then on.

    Raises NotTaken.
    """
    if not reply.is_reply:
        raise NotTaken("Only an answer can be written anew.")
    with transaction.atomic():
        session = _locked(pk=reply.session_id)
        if model is not None:
            session.model = offered(model)
        return _reply(session, reply.parent_id)


def stop(reply: Message) -> bool:
    """End the reply; what is written stays. False when it has ended."""
    return reply.job is not None and jobs.cancel(reply.job)


def retry(reply: Message) -> bool:
    """Write a reply that failed or was stopped from its beginning. False in any other state, and
    while another is being written."""
    with transaction.atomic():
        session = _locked(pk=reply.session_id)
        if reply.job is None or _is_writing(session) or not jobs.retry(reply.job):
            return False
        reply.sources.all().delete()
        reply.tool_calls.all().delete()
        Message.objects.filter(pk=reply.pk).update(**_UNWRITTEN)
    return True


_UNWRITTEN: dict[str, Any] = {
    "content": "",
    "cursor": "",
    "settled": 0,
    "note": "",
    "prompt_tokens": None,
    "completion_tokens": None,
    "first_token_ms": None,
    "tokens_per_second": None,
}


def show(message: Message) -> None:
    """Show the branch that a message is on, to its newest end."""
    with transaction.atomic():
        session = _locked(pk=message.session_id)
        session.leaf_id = Tree(session).newest_below(message.pk)
        session.save(update_fields=["leaf"])
        tell_session(session, "CHANGED")


def checked(content: str) -> str:
    """The text as it is kept. Raises NotTaken when it is empty or too long."""
    # Without what PostgreSQL refuses: NUL, and halves of surrogate pairs.
    content = content.encode("utf-8", "ignore").decode().replace("\0", "")
    content = content.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not content:
        raise NotTaken("Write a message first.")
    if len(content) > MOST_CHARACTERS:
        raise NotTaken(
            f"The message is too long: {len(content):,} characters, "
            f"and at most {MOST_CHARACTERS:,} can be sent. Upload long texts as documents."
        )
    return content


def offered(model: str) -> str:
    """The name of a model, or "" for the default. Raises NotTaken for one that is not there."""
    if model and model not in {offer.name for offer in offers()}:
        raise NotTaken(f"There is no model {model[:80]} here.", "model")
    return model


def _locked(**session: Any) -> ChatSession:
    """A session's row as it is now, until the end of the transaction: whoever needs it and jobs of
    its replies takes it first. Raises NotTaken when it is gone."""
    found = (
        ChatSession.objects.select_for_update(of=("self",))
        .select_related("owner")
        .filter(**session)
        .first()
    )
    if found is None:
        raise NotTaken("The conversation was deleted.")
    return found


def _ask(
    session: ChatSession, content: str, parent_id: uuid.UUID | None
) -> tuple[Message, Message]:
    message = Message.objects.create(
        session=session, parent_id=parent_id, role=Role.USER, content=content
    )
    if not session.title:
        session.title = first_title(content)
    return message, _reply(session, message.pk)


def _reply(session: ChatSession, parent_id: uuid.UUID | None) -> Message:
    """A reply that is written next, or after the one that is being written."""
    reply = Message(session=session, parent_id=parent_id, role=Role.ASSISTANT)
    if _is_writing(session):
        reply.job = jobs.create(session.owner, KIND, reply.pk, IN_TURN, waits=True)
    else:
        reply.job = jobs.create(session.owner, KIND, reply.pk)
    reply.save(force_insert=True)
    session.leaf, session.updated_at = reply, timezone.now()
    session.save(update_fields=["leaf", "updated_at", "title", "model"])
    jobs.announce(reply.job)
    tell_session(session, "CHANGED")
    return reply


def _is_writing(session: ChatSession) -> bool:
    return Job.objects.filter(chat_message__session=session, status__in=ACTIVE).exists()


def first_title(content: str) -> str:
    """The beginning of a message, at a word's end."""
    line = " ".join(content.split())
    if len(line) <= TITLE:
        return line
    return line[:TITLE].rsplit(" ", 1)[0].rstrip(" ,;:.") + " …"


def go_on_after(job: Job, **_: Any) -> None:
    """A reply ended: nobody needs to allow its tools any more, and the next one has its turn."""
    if job.kind != KIND:
        return
    with suppress(NotTaken), transaction.atomic():
        _go_on(_locked(messages__job=job))


def sweep() -> None:
    """The same for replies whose end nobody told, as the process that should have died."""
    in_turn = Q(messages__job__status=Status.WAITING, messages__job__attempt=0)
    ended = ToolCall.objects.filter(status__in=OPEN, message__job__status__in=ENDED)
    left = ChatSession.objects.filter(in_turn | Q(pk__in=ended.values("message__session")))
    for session in left.distinct():
        with suppress(NotTaken), transaction.atomic():
            _go_on(_locked(pk=session.pk))


def _go_on(session: ChatSession) -> None:
    _end_calls(session)
    _next_turn(session)


def _end_calls(session: ChatSession) -> None:
    """Those of replies that have ended."""
    left = ToolCall.objects.filter(
        status__in=OPEN, message__session=session, message__job__status__in=ENDED
    )
    for call in left.select_related("message"):
        if call.status == CallStatus.RUNNING:
            call.status, call.result = CallStatus.FAILED, "The reply was ended while it ran."
        else:
            call.status, call.reason = CallStatus.DENIED, "The reply was ended."
        call.finished_at = timezone.now()
        call.save(update_fields=["status", "reason", "result", "finished_at"])
        tell_call(session.owner_id, call)


def _next_turn(session: ChatSession) -> None:
    """Queue the reply that waits longest, if none is being written."""
    active = Job.objects.filter(chat_message__session=session, status__in=ACTIVE)
    in_turn = Q(status=Status.WAITING, attempt=0)  # one that waits for its owner was begun
    if not active.exclude(in_turn).exists() and (first := active.order_by("created_at").first()):
        jobs.wake(first)
