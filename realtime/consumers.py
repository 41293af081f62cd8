"""The consumer at `/ws`: a socket of a signed-in person, from welcome to close."""

import asyncio
import logging
import time
import uuid
from collections import Counter
from typing import Any

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer
from redis import RedisError

from realtime.auth import Identity, Refused, authenticate
from realtime.delivery import Delivery, TooSlow
from realtime.frames import (
    Ack,
    Closing,
    Error,
    Heartbeat,
    Outbound,
    Ping,
    Pong,
    Resume,
    Welcome,
    decode,
    encode,
)
from realtime.hub import Feed, hub
from realtime.log import Position

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20
RESUME_SECONDS = 10
MOST_SOCKETS = 100  # of one person in one process
MOST_FRAME_BYTES = 16 * 1024
MOST_STRIKES = 5  # frames that the protocol does not know
FRAMES_PER_SECOND, FRAMES_AT_ONCE = 20.0, 100.0

_sockets: Counter[int] = Counter()


class EventConsumer(AsyncWebsocketConsumer):
    """Relays one person's stream. It touches neither the database nor Channels' dispatch: frames
    come from the Hub."""

    channel_layer_alias = ""  # the Hub listens for the whole process

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As in Channels, without its trip to the database thread before every frame."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def connect(self) -> None:
        self.identity: Identity | None = None
        self.delivery = Delivery(self._send_frame)
        self.feed: Feed | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.strikes = 0
        self.closing = False
        self.allowance, self.allowed_at = FRAMES_AT_ONCE, time.monotonic()
        await self.accept()
        try:
            identity = await authenticate(self.scope["headers"])
            if _sockets[identity.user_id] >= MOST_SOCKETS:
                raise Refused(4409, "Too many open tabs.")
        except Refused as refusal:
            return await self._close(refusal.code, refusal.reason)
        except Exception:
            logger.exception("a session could not be checked")
            return await self._close(1013, "Sign-in cannot be checked now.")
        self.identity = identity
        _sockets[identity.user_id] += 1
        await self._control(
            Welcome(
                connection_id=uuid.uuid4().hex,
                user_id=str(identity.user_id),
                username=identity.username,
                heartbeat_seconds=HEARTBEAT_SECONDS,
                expires_in=identity.expires_in,
            )
        )
        self.waiting = asyncio.get_running_loop().call_later(RESUME_SECONDS, self._resume_is_late)

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()
        if self.identity:
            self.waiting.cancel()
            _sockets[self.identity.user_id] -= 1
        if self.feed:
            await hub().leave(self.feed, self.delivery)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.identity is None or self.closing:
            return
        if not self._is_allowed():
            await self._control(Error(code="rate", message="Too many frames."))
            return await self._close(4429, "Too many frames.")
        try:
            if text_data is None or len(text_data) > MOST_FRAME_BYTES:
                raise msgspec.ValidationError(f"text frames of at most {MOST_FRAME_BYTES} bytes")
            await self._handle(decode(text_data))
        except (msgspec.DecodeError, ValueError) as error:
            await self._strike(str(error))

    async def _handle(self, frame: Resume | Ack | Ping) -> None:
        match frame:
            case Ping():
                await self._control(Pong())
            case Ack(id=cursor):
                self.delivery.acknowledge(Position.parse(cursor))
            case Resume() if self.tasks:
                raise ValueError("resume is sent once, first")
            case Resume(last_event_id=cursor):
                self.waiting.cancel()
                position = Position.parse(cursor) if cursor else None
                self.tasks = [
                    asyncio.create_task(self._deliver(position)),
                    asyncio.create_task(self._beat()),
                ]

    async def _deliver(self, cursor: Position | None) -> None:
        assert self.identity
        try:
            self.feed = await hub().join(self.identity.user_id, self.delivery)
            await self.delivery.run(self.feed, cursor)
        except TooSlow:
            await self._close(4408, "This tab does not keep up.")
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("the log does not answer: %s", error)
            await self._close(1013, "The event log does not answer.")
        except Exception:
            logger.exception("delivery failed")
            await self._close(1011, "Server error.")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if self.feed and self.delivery.is_current:
                await self._control(Heartbeat(id=str(self.feed.head)))

    def _is_allowed(self) -> bool:
        """A token bucket over inbound frames."""
        now = time.monotonic()
        refill = (now - self.allowed_at) * FRAMES_PER_SECOND
        self.allowance, self.allowed_at = min(FRAMES_AT_ONCE, self.allowance + refill), now
        self.allowance -= 1
        return self.allowance >= 0

    async def _strike(self, message: str) -> None:
        self.strikes += 1
        await self._control(Error(code="invalid", message=message))
        if self.strikes >= MOST_STRIKES:
            await self._close(4400, "Too many invalid frames.")

    def _resume_is_late(self) -> None:
        self.tasks.append(asyncio.create_task(self._close(4412, "No resume frame came.")))

    async def _close(self, code: int, reason: str) -> None:
        self.closing = True
        await self._control(Closing(code=code, reason=reason))
        await self.close(code=code)

    async def _control(self, frame: Outbound) -> None:
        await self._send_frame(encode(frame))

    async def _send_frame(self, frame: str) -> None:
        await self.send(text_data=frame)
