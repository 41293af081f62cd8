"""A reply as it is written, for programs that have no socket."""

import json
import time
from collections.abc import Generator, Iterator
from typing import Any

from redis import RedisError

from chat.models import Message
from realtime import log
from realtime.models import ENDED

AGAIN = 0.5  # seconds before the row is looked at again, when the log cannot be followed

Event = dict[str, Any]


def follow(reply: Message) -> Iterator[Message | Event]:
    """Events about the reply as they come, and its row now and then: at first, whenever events may
    have been missed, and at the end."""
    while True:
        after = _head(reply.session.owner_id)  # before the row
        row = Message.objects.select_related("job", "session").filter(pk=reply.pk).first()
        if row is None:
            return
        yield row
        if row.job is None or row.job.status in ENDED:
            return
        if after is None or not (yield from _events(row, after)):
            time.sleep(AGAIN)


def _head(owner_id: int) -> log.Position | None:
    try:
        return log.Position.parse(log.head(owner_id))
    except RedisError:
        return None


def _events(reply: Message, after: log.Position) -> Generator[Event, None, bool]:
    """Events about the reply after a position, up to its end. Returns False when some may have been
    missed."""
    names = {str(reply.pk), str(reply.session_id)}
    try:
        for _, payload in log.follow(reply.session.owner_id, after):
            event: Event = json.loads(payload)
            about = event.get("messageId") or event.get("queryId") or event.get("sessionId")
            if about not in names:
                continue
            yield event
            is_over = event["type"] == "message_status" and event.get("terminal")
            if is_over or event.get("status") == "DELETED":
                return True
    except (log.Trimmed, RedisError):
        pass
    return False
