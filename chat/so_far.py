"""Replies that are being written, up to the last piece that the stream has: their rows are half a
second behind."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db.models import F
from redis import RedisError

from chat.models import Message
from realtime import log
from realtime.events import MessageChunk
from realtime.models import Job, Status

MOST_EVENTS = 2_000  # of half a second, whatever else happens


def replies_being_written(owner: User) -> Iterator[MessageChunk]:
    """Each of the owner's replies that grows now, or waits for a tool, as far as it is written."""
    growing = Message.objects.filter(
        session__owner=owner,
        job__status__in=(Status.RUNNING, Status.WAITING),
        attempt=F("job__attempt"),  # before, it is what an earlier attempt wrote
    )
    for reply in growing.select_related("job").order_by("created_at"):
        if reply.job and (text := _text(owner.pk, reply, reply.job)):
            yield MessageChunk(
                message_id=str(reply.pk),
                session_id=str(reply.session_id),
                content=text,
                content_offset=0,
                is_complete=False,
                attempt=reply.job.attempt,
            )


def _text(owner_id: int, reply: Message, job: Job) -> str:
    """The row's text with the pieces that came since."""
    text = reply.content
    for event in _since(owner_id, reply.cursor):
        if event["type"] != "message_chunk" or event["messageId"] != str(reply.pk):
            continue
        offset, content = event["contentOffset"], event["content"]
        is_next = offset <= len(text) < offset + len(content)
        if event["attempt"] == job.attempt and is_next:
            text = text[:offset] + content
    return text


def _since(owner_id: int, cursor: str) -> list[dict[str, Any]]:
    """The events after a cursor; none when the log has not kept them, or is away."""
    try:
        reading = log.read(owner_id, log.Position.parse(cursor), MOST_EVENTS)
    except (ValueError, log.Trimmed, RedisError):
        return []
    return [msgspec.json.decode(entry.payload) for entry in reading.entries]
