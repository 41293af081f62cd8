"""How frames leave: straight into the server's socket, or through ASGI's `send`.

The server that `manage.py up` starts offers the first as the scope extension `realtime.frames`
(`demo/web.py`): no task, no copy and one system call per batch. Any other ASGI server is sent one
message for each frame, by a task that lives only while something waits. A third transport, for
networks that block WebSockets, is in `sse.py`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from realtime.feed import Batch
from realtime.frames import text_of

EXTENSION = "realtime.frames"

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Transport(Protocol):
    def write(self, batch: Batch) -> None: ...

    def close(self, code: int) -> None:
        """Close the socket after what was written."""


class Sender:
    """Sends ASGI messages in order, without waiting for the caller. What waits is bounded by the
    window of those who write, and made into messages only when its turn has come."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[Iterable[Message]] = deque()
        self._sending: asyncio.Task[None] | None = None

    def put(self, messages: Iterable[Message]) -> None:
        self._waiting.append(messages)
        if self._sending is None:
            self._sending = asyncio.create_task(self._drain())

    async def sent(self, within: float) -> None:
        """Wait until all has been taken by the server, or for so many seconds."""
        if self._sending:
            await asyncio.wait({self._sending}, timeout=within)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                for message in self._waiting.popleft():
                    await self._send(message)
        except OSError:
            self._waiting.clear()  # the client is gone; the server says so by itself
        finally:
            self._sending = None


class AsgiTransport:
    """A WebSocket of any ASGI server."""

    def __init__(self, send: Send) -> None:
        self._to_server = send
        self._sender = Sender(self._send)

    def write(self, batch: Batch) -> None:
        self._sender.put(
            {"type": "websocket.send", "text": text_of(frame).decode()} for frame in batch.frames
        )

    def close(self, code: int) -> None:
        self._sender.put([{"type": "websocket.close", "code": code}])

    async def _send(self, message: Message) -> None:
        try:
            await self._to_server(message)
        except Exception as error:
            if isinstance(error, OSError) or message["type"] != "websocket.close":
                raise
            # Daphne itself refuses 1011 to 1013; `closing`, sent before, has told the code.
            await self._to_server({"type": "websocket.close", "code": 1000})
