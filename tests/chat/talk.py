"""What people do in conversations, and what workers do then, in tests."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from chat import sessions, turns
from chat.models import ChatSession, Message
from chat.reply import write_reply
from realtime.models import Job, Status
from realtime.work import run
from tests.stack import until

Events = list[dict[str, Any]]
EventsOf = Callable[[User], Events]


def begun(owner: User, **set_up: Any) -> ChatSession:
    """A new conversation."""
    session = sessions.begin(owner)
    sessions.set_up(session, **set_up)
    return ChatSession.objects.get(pk=session.pk)


def say(session: ChatSession, words: str) -> Message:
    """The queued reply to what its owner says."""
    _, reply = turns.send(session, words)
    return reply


def fresh(message: Message) -> Message:
    return Message.objects.select_related("job", "session").get(pk=message.pk)


def written(reply: Message) -> Message:
    """The reply after a worker had it."""
    run(str(reply.job_id), write_reply)
    return fresh(reply)


def answered(session: ChatSession, words: str) -> Message:
    """The finished reply to what its owner says."""
    reply = written(say(session, words))
    assert status_of(reply) == Status.DONE, reply.job and reply.job.error
    return reply


def job_of(reply: Message) -> Job:
    return Job.objects.get(pk=reply.job_id)


def status_of(reply: Message) -> str:
    return job_of(reply).status


@contextmanager
def being_written(reply: Message) -> Iterator[None]:
    """A worker has the reply; at the end of the block it is done with it."""

    def work() -> None:
        try:
            run(str(reply.job_id), write_reply)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)
        assert not thread.is_alive(), "the worker is not done"


@contextmanager
def a_worker() -> Iterator[None]:
    """Takes every reply that is queued, until the end of the block."""
    over = threading.Event()

    def work() -> None:
        queued = Job.objects.filter(kind=turns.KIND, status=Status.QUEUED)
        while not over.wait(0.02):
            for job_id in queued.values_list("pk", flat=True):
                run(str(job_id), write_reply)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
        assert not thread.is_alive(), "the worker is not done"


def until_it_says(reply: Message, words: str) -> None:
    """Wait until the row holds these words."""
    until(lambda: words in fresh(reply).content, within=10)


def chunks_of(events: Events, reply: Message) -> Events:
    return [e for e in events if e["type"] == "message_chunk" and e["messageId"] == str(reply.pk)]


def statuses_of(events: Events, reply: Message) -> list[str]:
    """Each status and stage once, in order, as `STATUS STAGE`."""
    told: list[str] = []
    for event in events:
        if event["type"] == "message_status" and event["messageId"] == str(reply.pk):
            words = f"{event['status']} {event['stage']}".strip()
            if words not in told[-1:]:
                told.append(words)
    return told
