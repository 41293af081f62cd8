"""The control frames of the protocol: what goes up, and what comes down beside events."""

from typing import Literal

import msgspec


class _Frame(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
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


Inbound = Resume | Ack | Ping


# Server → client.
class Welcome(_Frame, frozen=True, kw_only=True, tag="welcome"):
    connection_id: str
    user_id: str
    username: str
    heartbeat_seconds: int
    expires_in: int


class Resumed(_Frame, frozen=True, kw_only=True, tag="resumed"):
    """Everything after the cursor was sent: `replayed` events, the last of them `id`."""

    id: str
    replayed: int


class Resync(_Frame, frozen=True, kw_only=True, tag="resync"):
    """What the cursor stood for is gone: fetch the rows again, then go on after `id`."""

    reason: Literal["epoch", "trimmed", "ahead"]
    id: str


class Heartbeat(_Frame, frozen=True, kw_only=True, tag="heartbeat"):
    id: str


class Pong(_Frame, frozen=True, kw_only=True, tag="pong"): ...


class Error(_Frame, frozen=True, kw_only=True, tag="error"):
    code: str
    message: str


class Closing(_Frame, frozen=True, kw_only=True, tag="closing"):
    """Sent before a close, because not every server passes the reason on."""

    code: int
    reason: str


Outbound = Welcome | Resumed | Resync | Heartbeat | Pong | Error | Closing

_decoder = msgspec.json.Decoder(Inbound)
_encoder = msgspec.json.Encoder()


def decode(text: str) -> Inbound:
    """Raises msgspec.ValidationError or msgspec.DecodeError for what the protocol does not know."""
    frame: Inbound = _decoder.decode(text)
    return frame


def encode(frame: Outbound) -> str:
    return _encoder.encode(frame).decode()
