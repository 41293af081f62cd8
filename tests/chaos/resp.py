"""As much of the Redis protocol as it takes to tell announcements apart in a subscription."""

from typing import Any

import msgpack

_AGGREGATES = {b"*": 1, b"~": 1, b">": 1, b"%": 2}
_BULKS = b"$=!"


def end_of_reply(data: bytes, start: int = 0) -> int | None:
    """Where the reply that begins at `start` ends; None when it is not all there yet."""
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, end = data[start : start + 1], line_end + 2
    if kind in _BULKS:
        size = int(data[start + 1 : line_end])
        end += size + 2 if size >= 0 else 0
        return end if end <= len(data) else None
    for _ in range(
        int(data[start + 1 : line_end]) * _AGGREGATES[kind] if kind in _AGGREGATES else 0
    ):
        inner = end_of_reply(data, end)
        if inner is None:
            return None
        end = inner
    return end


def announced(reply: bytes) -> str | None:
    """The id of the event that a reply announces; None for any other reply."""
    if not reply.startswith((b">3\r\n$7\r\nmessage\r\n", b"*3\r\n$7\r\nmessage\r\n")):
        return None
    size_at = reply.index(b"\r\n$", reply.index(b"message\r\n") + 9) + 3
    content_at = reply.index(b"\r\n", size_at) + 2
    message: dict[str, Any] = msgpack.unpackb(reply[content_at:-2])
    if message.get("type") != "log.appended":
        return None
    return f"{message['epoch']}-{message['offset']}"
