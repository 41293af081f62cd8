"""The consumer at `/ws`: a socket of a signed-in person, from welcome to close."""

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Coroutine
from typing import Any

import msgspec
from channels.consumer import AsyncConsumer
from django.db import DatabaseError
from msgspec import UNSET
from redis import RedisError

from realtime.auth import Identity, Refused, authenticate
from realtime.close_codes import CloseCode
from realtime.delivery import Delivery
from realtime.events import Event
from realtime.events import encode as encode_event
from realtime.feed import Batch, Feed
from realtime.frames import (
    Ack,
    Activity,
    Closing,
    Error,
    ExtendSession,
    Heartbeat,
    Inbound,
    Outbound,
    Ping,
    Pong,
    Resume,
    Subscribe,
    Unsubscribe,
    Welcome,
    decode,
    encode,
    text_frame,
)
from realtime.grants import grants
from realtime.hub import hub
from realtime.log import Position
from realtime.metrics import SocketKind, closed
from realtime.presence import PresenceFrame, Turned, presence, topic_of
from realtime.sockets import HEARTBEAT, sockets
from realtime.transport import EXTENSION, AsgiTransport, Transport

logger = logging.getLogger(__name__)

RESUME_SECONDS = 10
MOST_FRAME_BYTES = 16 * 1024
MOST_STRIKES = 5  # frames that the protocol does not know
FRAMES_PER_SECOND, FRAMES_AT_ONCE = 20.0, 100.0


class EventConsumer(AsyncConsumer):
    """Relays one person's stream. It touches neither the database nor Channels' dispatch: frames
    come from the Hub, and what comes in is handled in the turn of the loop in which it arrives."""

    kind: SocketKind
    id: str
    identity: Identity
    since: float
    delivery: Delivery
    transport: Transport

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As in Channels, without its task for every message and its wait for a channel."""
        self.kind = "sse" if scope["type"] == "http" else "websocket"
        self.is_open = False
        self._feed: Feed | None = None
        self._resumed = False
        self._strikes = 0
        self._allowance, self._allowed_at = FRAMES_AT_ONCE, time.monotonic()
        self._waiting: deque[Coroutine[Any, Any, None]] = deque()
        self._working: asyncio.Task[None] | None = None
        self._send, direct = send, scope.get("extensions", {}).get(EXTENSION)
        self.transport = direct or AsgiTransport(send)
        if direct:
            direct.receiver = self.received
        headers, is_fetch = scope["headers"], scope["type"] == "http"
        del scope, direct
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.connect":
                await self._connect(headers, is_fetch)
                del headers
            else:
                self.received(message.get("text"))
        await self._disconnected(message.get("code"))

    # --- Opening and closing ----------------------------------------------------------------------
    async def _connect(self, headers: Any, is_fetch: bool) -> None:
        await self._send({"type": "websocket.accept"})
        self.is_open = True
        try:
            if sockets().draining:
                raise Refused(CloseCode.RESTART, "The server restarts.")
            identity = await authenticate(headers, is_fetch=is_fetch)
            if sockets().is_full(identity.user_id):
                raise Refused(CloseCode.TOO_MANY, "Too many open tabs.")
        except Refused as refusal:
            return self.end(refusal.code, refusal.reason)
        except Exception:
            logger.exception("a session could not be checked")
            return self.end(CloseCode.UNAVAILABLE, "Sign-in cannot be checked now.")
        self.id, self.identity, self.since = uuid.uuid4().hex, identity, time.time()
        self.delivery = Delivery(self.transport.write, hub().replays)
        sockets().add(self)
        self._say(
            Welcome(
                connection_id=self.id,
                user_id=str(identity.user_id),
                username=identity.username,
                heartbeat_seconds=HEARTBEAT,
                expires_in=identity.expires_in,
            )
        )
        grants().watch(self)
        self._too_late = asyncio.get_running_loop().call_later(
            RESUME_SECONDS, self.end, CloseCode.NO_RESUME, "No resume frame came."
        )

    async def _disconnected(self, code: int | None) -> None:
        if self.is_open:
            self.is_open = False
            closed(self.kind, code, by_us=False)
        if self._working:
            self._working.cancel()
        for step in self._waiting:
            step.close()
        if not hasattr(self, "delivery"):
            return
        self._too_late.cancel()
        self.delivery.stop()
        sockets().remove(self)
        grants().forget(self)
        presence().leave(self)
        if self._feed:
            await hub().leave(self._feed, self.delivery)

    def end(self, code: int, reason: str, retry_after_ms: int | None = None) -> None:
        """Say `closing`, then close; a second call does nothing."""
        if not self.is_open:
            return
        self._say(Closing(code=code, reason=reason, retry_after_ms=retry_after_ms or UNSET))
        self.is_open = False
        closed(self.kind, code, by_us=True)
        if hasattr(self, "delivery"):
            self.delivery.stop()
            presence().leave(self, at_once=code == CloseCode.FORBIDDEN)
        self.transport.close(int(code))  # Autobahn takes no subclass

    # --- What comes in ----------------------------------------------------------------------------
    def received(self, text: str | None) -> None:
        """One frame; None for one that is not text."""
        if not self.is_open or not hasattr(self, "delivery"):
            return
        try:
            if text is None or len(text) > MOST_FRAME_BYTES:
                raise msgspec.ValidationError(f"text frames of at most {MOST_FRAME_BYTES} bytes")
            frame = decode(text)
            if isinstance(frame, Ack) and self.delivery.acknowledge(Position.parse(frame.id)):
                return  # as many as we sent: no flood
            if self._is_allowed():
                self._handle(frame)
        except (msgspec.DecodeError, ValueError) as error:
            if self._is_allowed():
                self._strike(str(error))

    def _handle(self, frame: Inbound) -> None:
        match frame:
            case Ack():
                pass
            case Ping():
                self._say(Pong())
            case Resume() if self._resumed:
                raise ValueError("resume is sent once, first")
            case Resume(last_event_id=cursor):
                position = Position.parse(cursor) if cursor else None
                self._resumed = True
                self._too_late.cancel()
                self._do(self._resume(position))
            case ExtendSession():
                self._do(self._extend_session())
            case Subscribe() | Unsubscribe() | Activity():
                topic_of(frame)  # raises ValueError
                self._do(self._be_present(frame))

    def _is_allowed(self) -> bool:
        """A token bucket over inbound frames; empty, the socket is closed."""
        now = time.monotonic()
        refill = (now - self._allowed_at) * FRAMES_PER_SECOND
        self._allowance, self._allowed_at = min(FRAMES_AT_ONCE, self._allowance + refill), now
        self._allowance -= 1
        if self._allowance < 0:
            self._say(Error(code="rate", message="Too many frames."))
            self.end(CloseCode.RATE, "Too many frames.")
        return self._allowance >= 0

    def _strike(self, message: str) -> None:
        self._strikes += 1
        self._say(Error(code="invalid", message=message))
        if self._strikes >= MOST_STRIKES:
            self.end(CloseCode.PROTOCOL, "Too many invalid frames.")

    def _do(self, step: Coroutine[Any, Any, None]) -> None:
        """What takes longer is done one after another."""
        self._waiting.append(step)
        if self._working is None:
            self._working = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._waiting.popleft()
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("the log does not answer: %s", error)
            self.end(CloseCode.UNAVAILABLE, "The event log does not answer.")
        except Exception:
            logger.exception("a frame could not be handled")
            self.end(CloseCode.SERVER_ERROR, "Server error.")
        finally:
            self._working = None

    async def _resume(self, cursor: Position | None) -> None:
        self._feed = await hub().join(self.identity.user_id, self.delivery, cursor)
        self.delivery.start(self._feed, cursor)

    async def _extend_session(self) -> None:
        try:
            await grants().extend(self)
        except ValueError as error:
            self._say(Error(code="invalid", message=str(error)))
        except (DatabaseError, TimeoutError) as error:
            logger.warning("a session could not be extended: %s", error)
            self._say(Error(code="unavailable", message="The session cannot be extended now."))

    async def _be_present(self, frame: PresenceFrame) -> None:
        try:
            await presence().handle(self, frame)
        except Turned as turned:
            self._say(Error(code=turned.code, message=str(turned)))

    # --- What goes out ----------------------------------------------------------------------------
    @property
    def stalled_since(self) -> float | None:
        return self.delivery.stalled_since

    def beat(self) -> None:
        if self._feed and self.delivery.is_current:
            self._say(Heartbeat(id=str(self._feed.head)))

    def tell(self, event: Event) -> None:
        """An ephemeral event, without id; dropped when the client lags."""
        if self.is_open and self.delivery.stalled_since is None:
            self.transport.write(Batch([text_frame(encode_event(event))], ()))

    def _say(self, frame: Outbound) -> None:
        self.transport.write(Batch([encode(frame)], ()))
