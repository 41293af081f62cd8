"""Why a socket is closed, and what its client does then: the one table of both."""

from enum import IntEnum
from typing import Literal

Reaction = Literal["back off", "restart", "at once", "stop"]


class CloseCode(IntEnum):
    """A close code with its meaning and what a client does, in words; and the latter as `socket.js`
    keeps it, with the milliseconds before which it does not come back."""

    meaning: str
    client: str
    reaction: Reaction
    not_before: int

    def __new__(
        cls,
        code: int,
        meaning: str,
        client: str,
        reaction: Reaction = "back off",
        not_before: int = 0,
    ) -> "CloseCode":
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning, member.client = meaning, client
        member.reaction, member.not_before = reaction, not_before
        return member

    GOING_AWAY = 1001, "the server goes away", "wait `retryAfterMs`, resume with jitter", "restart"
    SERVER_ERROR = 1011, "server error", "back off 0.5 s to 30 s, resume"
    RESTART = (
        1012,
        "the server restarts, or staff closed this connection",
        "wait `retryAfterMs`, resume with jitter",
        "restart",
    )
    UNAVAILABLE = (
        1013, "the log or sign-in cannot be checked", "back off ≥ 5 s, resume", "back off", 5_000,
    )  # fmt: skip
    PROTOCOL = 4400, "protocol violation", "stop", "stop"
    SIGNED_OUT = 4401, "not signed in, or expired", "sign in, then resume", "stop"
    FORBIDDEN = 4403, "revoked; foreign origin or host; a token that may not read", "stop", "stop"
    TOO_SLOW = 4408, "too slow", "resume at once, at most 3 times a minute", "at once"
    TOO_MANY = 4409, "too many connections", "stop this tab", "stop"
    NO_RESUME = 4412, "no resume frame", "resume at once, at most 3 times a minute", "at once"
    RATE = 4429, "rate limited", "back off ≥ 30 s, resume", "back off", 30_000
