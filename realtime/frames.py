"""The control frames of the protocol: what goes up, and what comes down beside events."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

ResyncReason = Literal["epoch", "trimmed", "ahead", "too_many", "overload"]
ErrorCode = Literal["invalid", "rate", "unavailable", "not_found", "too_many"]


class _Frame(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    tag_field="type",
    omit_defaults=True,
):
    """One JSON object; `type` is the tag."""


# Client → server. Anything else is an `error`.
class Resume(_Frame, frozen=True, kw_only=True, tag="resume", forbid_unknown_fields=True):
    """First of all, within 10 s. `last_event_id` is the cursor, or null for "from now on"."""

    last_event_id: str | None


class Ack(_Frame, frozen=True, kw_only=True, tag="ack", forbid_unknown_fields=True):
    """Everything up to `id` was applied; every 50 events or 2 s."""

    id: str


class Ping(_Frame, frozen=True, kw_only=True, tag="ping", forbid_unknown_fields=True):
    """Are you there?"""


class Subscribe(_Frame, frozen=True, kw_only=True, tag="subscribe", forbid_unknown_fields=True):
    """Who is at a topic, such as `document:<id>`? Told by `user_activity`."""

    topic: str


class Unsubscribe(_Frame, frozen=True, kw_only=True, tag="unsubscribe", forbid_unknown_fields=True):
    """No longer to be told who is at a topic."""

    topic: str


class Activity(_Frame, frozen=True, kw_only=True, tag="activity", forbid_unknown_fields=True):
    """What this person does now; told to others who may see the document."""

    action: Literal["viewing_document", "left_document"]
    document_id: str


class ExtendSession(
    _Frame, frozen=True, kw_only=True, tag="extend_session", forbid_unknown_fields=True
):
    """Begin the session's time anew."""


Inbound = Resume | Ack | Ping | Subscribe | Unsubscribe | Activity | ExtendSession


# Server → client.
class Welcome(_Frame, frozen=True, kw_only=True, tag="welcome"):
    """The first of all frames: who is signed in here. `expires_in` is in seconds, null for a token
    that does not expire."""

    connection_id: str
    user_id: str
    username: str
    heartbeat_seconds: int
    expires_in: int | None


class Resumed(_Frame, frozen=True, kw_only=True, tag="resumed"):
    """Everything after the cursor was sent: `replayed` events, the last of them `id`."""

    id: str
    replayed: int


class Resync(_Frame, frozen=True, kw_only=True, tag="resync"):
    """What the cursor stood for is gone: fetch the rows again, then go on after `id`."""

    reason: ResyncReason
    id: str
    retry_after_ms: int | UnsetType = UNSET


class Heartbeat(_Frame, frozen=True, kw_only=True, tag="heartbeat"):
    """The line is alive, and all is sent up to `id`, the stream's head. As often as the welcome
    says."""

    id: str


class Pong(_Frame, frozen=True, kw_only=True, tag="pong"):
    """The answer to a ping."""


class Error(_Frame, frozen=True, kw_only=True, tag="error"):
    """A frame that was not obeyed, and why."""

    code: ErrorCode
    message: str


class Closing(_Frame, frozen=True, kw_only=True, tag="closing"):
    """Sent before a close, because not every server passes the reason on."""

    code: int
    reason: str
    retry_after_ms: int | UnsetType = UNSET


Outbound = Welcome | Resumed | Resync | Heartbeat | Pong | Error | Closing

_decoder = msgspec.json.Decoder(Inbound)
_encoder = msgspec.json.Encoder()


def decode(text: str) -> Inbound:
    """Raises ValueError for what the protocol does not know."""
    try:
        frame: Inbound = _decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return frame


def encode(frame: Outbound) -> bytes:
    """The frame as it goes out; see `text_frame`."""
    return text_frame(_encoder.encode(frame))


def text_frame(text: bytes) -> bytes:
    """Up to 64 KiB of JSON as the WebSocket frame that a server sends: whole, not masked."""
    size = len(text)
    if size < 126:
        return b"\x81" + bytes((size,)) + text
    return b"\x81\x7e" + size.to_bytes(2, "big") + text


def text_of(frame: bytes) -> bytes:
    """The JSON inside, for a server that makes frames itself."""
    return frame[2:] if frame[1] < 126 else frame[4:]
