"""Who is connected now, to all web processes; and how staff close a connection.

The processes are asked when somebody wants to know (`realtime.roll_call` answers): nothing is kept
about connections between questions.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from channels.layers import get_channel_layer

from realtime.log import client, group_channel
from realtime.log_server import Script
from realtime.metrics import SocketKind
from realtime.roll_call import GROUP, PROCESSES, Answer, Row, by_lag

WITHIN = 0.5  # seconds that the processes have to answer
MOST_ROWS = 300

# KEYS: the processes
_NAMES = Script("return redis.call('ZRANGEBYSCORE', KEYS[1], redis.call('TIME')[1], '+inf')")

_decoder = msgspec.json.Decoder(Answer)


class Silent(Exception):
    """A process did not answer, so what was asked for may be there."""


@dataclass(frozen=True)
class Connections:
    """`answers` of the processes; `silent` are names of those that did not answer in time; `rows`
    the connections that lag most."""

    answers: list[Answer]
    silent: list[str]
    rows: list[Row]

    @property
    def count(self) -> int:
        return sum(sum(answer.kinds.values()) for answer in self.answers)

    def count_of(self, kind: SocketKind) -> int:
        return sum(answer.kinds.get(kind, 0) for answer in self.answers)

    def sum(self, field: str) -> int:
        """Of all connections: `lag` and `events`, or `size` in bytes."""
        return sum(getattr(answer, field) for answer in self.answers)


def connections(most: int = MOST_ROWS, within: float = WITHIN) -> Connections:
    """Raises RedisError."""
    missing = _processes()
    answers = []
    for answer in _ask(missing, within):
        answers.append(answer)
    rows = sorted((row for answer in answers for row in answer.rows), key=by_lag, reverse=True)
    answers.sort(key=lambda answer: answer.process)
    return Connections(answers, sorted(missing), rows[:most])


def close(connection_id: str, within: float = WITHIN) -> bool:
    """Close a connection; its client comes back. False when there is none of that id. Raises
    Silent, RedisError."""
    missing = _processes()
    if any(answer.closed for answer in _ask(missing, within, close=connection_id)):
        return True
    if missing:
        raise Silent
    return False


def _processes() -> set[str]:
    """The web processes whose leases have not run out."""
    return {name.decode() for name in _NAMES.run(client(), [PROCESSES])}


def _ask(missing: set[str], within: float, close: str = "") -> Iterator[Answer]:
    """The answers as they come, until there is one of each process or the time is over; those that
    have answered are taken out of `missing`."""
    until = time.monotonic() + within
    answers = f"rt:{{web}}:answers:{uuid.uuid4().hex}"
    _say({"type": "web.asked", "group": GROUP, "answers": answers, "close": close})
    while missing and (left := until - time.monotonic()) > 0:
        if found := client().blpop([answers], timeout=left):
            answer = _decoder.decode(found[1])
            missing.discard(answer.process)
            yield answer


def _say(message: dict[str, Any]) -> None:
    """To every process that listens to the group, as the channel layer would."""
    layer: Any = get_channel_layer()
    client().publish(group_channel(GROUP), layer.serialize(message))
