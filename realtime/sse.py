"""Server-Sent Events at `/api/realtime/events`, for networks that block WebSockets.

One more transport of the consumer: to it, a response is a socket whose client says nothing but
`resume`. Nothing comes up that would acknowledge, and no server tells what its client has read. So
a response ends once a window of events was sent, or after some minutes, and the client comes back
with its cursor: that is the acknowledgement.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import msgspec

from realtime.close_codes import CloseCode
from realtime.consumers import EventConsumer
from realtime.delivery import WINDOW_BYTES, WINDOW_FRAMES
from realtime.feed import Batch
from realtime.frames import Closing, Resume, Welcome, text_of
from realtime.log import Position
from realtime.problems import Problem, document
from realtime.transport import EXTENSION, Message, Send, Sender

PATH = "/api/realtime/events"
LIFE = 300.0  # seconds that a response lasts
LAST_WORDS = 30.0  # seconds in which a server must be rid of what was sent before the end
RETRY_MS, RETRY_SOON_MS = 2_000, 200  # for an EventSource: after a cut, after an end in order
# Of refusals by their close code; of the rest 503.
STATUSES: dict[int, int] = {
    CloseCode.SIGNED_OUT: 401,
    CloseCode.FORBIDDEN: 403,
    CloseCode.TOO_MANY: 429,
}
HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]

consumer: Any = EventConsumer.as_asgi()


async def server_sent_events(scope: Any, receive: Any, send: Send) -> None:
    """The ASGI application."""
    if scope["method"] != "GET":
        return await _answer(send, Problem(405, "Method Not Allowed"), Allow="GET")
    try:
        cursor = _cursor(scope)
    except ValueError as error:
        return await _answer(send, Problem(400, "The cursor is not valid", f"{error}."))
    await Response(send, cursor).relay(scope, receive)


def _cursor(scope: Any) -> str | None:
    """What the client has; None for nothing but the future. A browser's own header wins over the
    query, which stays as it was when an EventSource comes back. Raises ValueError."""
    sent = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
    [asked] = parse_qs(scope["query_string"].decode("latin-1")).get("after", [""])[-1:]
    cursor = sent or asked or None
    if cursor:
        Position.parse(cursor)
    return cursor


async def _answer(send: Send, problem: Problem, **headers: str) -> None:
    for message in _messages(problem, **headers):
        await send(message)


def _messages(problem: Problem, **headers: str) -> Iterator[Message]:
    response = document(problem)
    sent = {**response.headers, **headers}
    pairs = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    yield {"type": "http.response.start", "status": problem.status, "headers": pairs}
    yield {"type": "http.response.body", "body": response.content}


class _Named(msgspec.Struct):
    id: str = ""


_first = msgspec.json.Decoder(Welcome | Closing)
_named = msgspec.json.Decoder(_Named)


def _event(frame: bytes) -> bytes:
    """A frame as one event, whose id is where the client then is."""
    text = text_of(frame)
    name = _named.decode(text).id
    return b"%bdata: %b\n\n" % (f"id: {name}\n".encode() if name else b"", text)


class Response:
    """A transport to its consumer, and the consumer's client."""

    receiver: Any = None  # of what comes up, which is nothing

    def __init__(self, send: Send, cursor: str | None) -> None:
        resume = msgspec.json.encode(Resume(last_event_id=cursor)).decode()
        self._says: deque[Message] = deque(
            [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": resume}]
        )
        self._sender = Sender(send)
        self._has_begun = False
        self._over = asyncio.Event()
        self._events, self._bytes = 0, 0

    async def relay(self, scope: Any, receive: Any) -> None:
        """From the welcome to the end of the response."""
        leaving = asyncio.create_task(self._until_gone(receive))
        ending = asyncio.get_running_loop().call_later(LIFE, self._finish, RETRY_SOON_MS)
        try:
            socket = {**scope, "extensions": {EXTENSION: self}}
            await consumer(socket, self._receive, self._send)
            await self._sender.sent(LAST_WORDS)
        finally:
            leaving.cancel()
            ending.cancel()

    async def _until_gone(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._over.set()

    # --- To the consumer --------------------------------------------------------------------------
    async def _receive(self) -> Message:
        if self._says:
            return self._says.popleft()
        await self._over.wait()
        return {"type": "websocket.disconnect"}

    async def _send(self, message: Message) -> None:
        """The consumer accepts; whether it lets the client in, its first frame says."""

    def write(self, batch: Batch) -> None:
        if self._over.is_set():
            return
        if not self._has_begun:
            first = _first.decode(text_of(batch.frames[0]))
            if isinstance(first, Closing):
                return self._refuse(first)
            self._begin()
        self._sender.put(self._body(batch))
        self._events += len(batch.marks)
        self._bytes += sum(map(len, batch.frames))
        if self._events >= WINDOW_FRAMES or self._bytes >= WINDOW_BYTES:
            self._finish(RETRY_SOON_MS)

    def close(self, code: int) -> None:
        self._finish(RETRY_MS)

    # --- To the server ----------------------------------------------------------------------------
    def _begin(self) -> None:
        self._has_begun = True
        start = {"type": "http.response.start", "status": 200, "headers": list(HEADERS)}
        self._sender.put([start, self._part(b"retry: %d\n\n" % RETRY_MS)])

    def _body(self, batch: Batch) -> Iterator[Message]:
        yield self._part(b"".join(map(_event, batch.frames)))

    def _part(self, body: bytes, more_body: bool = True) -> Message:
        return {"type": "http.response.body", "body": body, "more_body": more_body}

    def _finish(self, retry_ms: int) -> None:
        if self._has_begun and not self._over.is_set():
            self._sender.put([self._part(b"retry: %d\n\n" % retry_ms, more_body=False)])
        self._over.set()

    def _refuse(self, closing: Closing) -> None:
        status = STATUSES.get(closing.code, 503)
        headers = {"Retry-After": "5"} if status == 503 else {}
        problem = Problem(status, HTTPStatus(status).phrase, closing.reason)
        self._sender.put(_messages(problem, **headers))
        self._over.set()
