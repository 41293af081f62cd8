"""The typed facts that go to sockets, with the names and fields of `docs/protocol.md`.

An event is one frozen struct; on the wire it is a JSON object whose `type` is the struct's tag and
whose fields are camelCase. Apps define their own events by subclassing `Event`.
"""

from datetime import UTC, datetime
from typing import ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

MAX_EVENT_BYTES = 16 * 1024
JobState = Literal["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"]
TestStage = Literal["OPENING", "SENDING", "CUTTING", "MISSING", "RESUMING", "STALE", "REVOKING"]

LATEST = "latest:"  # before the name of what only the latest event matters of, to who lags


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    """A fact about something a user owns.

    `attempt` and `terminal` are set on the events of jobs: a client ignores what an older attempt
    says, and anything but a newer attempt after a terminal event. What is not logged is news of the
    moment, without an id.
    """

    is_logged: ClassVar[bool] = True

    attempt: int | UnsetType = UNSET
    terminal: bool | UnsetType = UNSET
    ts: str | UnsetType = UNSET

    @property
    def stream(self) -> str:
        """For a piece of a growing text: `<field>:<name of the text>`, where `<field>` holds the
        piece and `<field>Offset` its place. Adjacent pieces are merged for a client that lags."""
        return ""


class MessageChunk(Event, frozen=True, kw_only=True, tag="message_chunk"):
    """A piece of a text that is being written.

    `content_offset` counts the characters (code points) of the message before this piece, so that
    a piece can be applied twice without harm; the pieces of each attempt tell all of the text.
    `query_id` is set where the text answers a question to documents; `session_id` is then empty.

    `blocks` is the text up to here as HTML, from its block number `blocks_from` on: they take the
    place of all blocks from there on that are shown. Without them the piece is shown as it is. When
    they do not follow on what is shown as HTML, some were too large to be sent: they are fetched.
    """

    message_id: str
    session_id: str
    content: str
    is_complete: bool
    content_offset: int
    query_id: str | UnsetType = UNSET
    blocks_from: int | UnsetType = UNSET
    blocks: list[str] | UnsetType = UNSET

    @property
    def stream(self) -> str:
        return f"content:{self.message_id}"


class SelfTest(Event, frozen=True, kw_only=True, tag="self_test"):
    """A self-test moved on. `progress` is in percent; `stage` is empty before the first."""

    test_id: str
    status: JobState
    stage: Literal["", TestStage]
    progress: int
    message: str


class SessionUpdate(Event, frozen=True, kw_only=True, tag="session_update"):
    """The signed-in session changes. `expires_in` is in seconds."""

    is_logged: ClassVar[bool] = False

    status: Literal["active", "expiring_soon", "extended", "expired", "revoked"]
    expires_in: int


Action = Literal["viewing_document", "left_document"]


class UserActivity(Event, frozen=True, kw_only=True, tag="user_activity"):
    """A person began to look at a document, or looks at it no longer."""

    is_logged: ClassVar[bool] = False

    action: Action
    document_id: str
    user_id: str
    username: str


_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """The event's JSON, stamped with the time. Raises ValueError over 16 KiB."""
    payload = _encoder.encode(
        msgspec.structs.replace(event, ts=datetime.now(UTC).isoformat(timespec="milliseconds"))
    )
    if len(payload) > MAX_EVENT_BYTES:
        raise ValueError(
            f"a {type(event).__name__} of {len(payload)} bytes is over {MAX_EVENT_BYTES}: "
            "send ids, not contents"
        )
    return payload
