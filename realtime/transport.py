"""How frames leave: straight into the server's socket, or through ASGI's `send`.

The server that `manage.py up` starts offers the first as the scope extension `realtime.frames`
(`demo/web.py`): no task, no copy and one system call per batch. Any other ASGI server is sent one
message for each frame, by a task that lives only while something waits.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from realtime.feed import Batch
from realtime.frames import text_of

EXTENSION = "realtime.frames"

Send = Callable[[Any], Awaitable[None]]


class Transport(Protocol):
    def write(self, batch: Batch) -> None: ...

    def close(self, code: int) -> None:
        """Close the socket after what was written."""


class AsgiTransport:
    """Sends in order, without waiting for the caller. What waits is bounded by the window of those
    who write."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[Any] = deque()
        self._sending: asyncio.Task[None] | None = None

    def write(self, batch: Batch) -> None:
        self._waiting.extend(batch.frames)
        self._begin()

    def close(self, code: int) -> None:
        self._waiting.append(code)
        self._begin()

    def _begin(self) -> None:
        if self._sending is None:
            self._sending = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                next_one = self._waiting.popleft()
                if isinstance(next_one, bytes):
                    text = text_of(next_one).decode()
                    await self._send({"type": "websocket.send", "text": text})
                else:
                    await self._send({"type": "websocket.close", "code": next_one})
        except OSError:
            self._waiting.clear()  # the client is gone; the server says so by itself
        finally:
            self._sending = None
