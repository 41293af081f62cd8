"""A web process answers when staff ask who is connected, or want a connection closed.

The question comes through a channel-layer group that every web process with a Hub is in; the answer
goes to a list in the log's server that the question names. A process says that it is there by a
lease in the same server, so that one that does not answer is known to be missing.
`realtime.connections` asks.
"""

import asyncio
import heapq
import logging
import os
import socket
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from redis import RedisError

from realtime.close_codes import CloseCode
from realtime.delivery import Delivery
from realtime.hub import hub
from realtime.identities import Identity
from realtime.log import address
from realtime.log_server import Script
from realtime.metrics import SocketKind

logger = logging.getLogger(__name__)

GROUP = "web-processes"
PROCESSES = "rt:{web}:processes"  # names, by the end of their leases
LEASE, RENEW = 15, 5  # seconds
ANSWER_KEPT = 10  # seconds
MOST_ROWS = 300  # of one process, those that lag most
AT_ONCE = 200  # connections looked at before events have a turn
COME_BACK_MS = 1000

# KEYS: the processes; ARGV: a name, seconds
_RENEW = Script("""
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('EXPIRE', KEYS[1], 4 * ARGV[2])
""")
# KEYS: the list; ARGV: the answer, seconds
_ANSWER = Script("redis.call('RPUSH', KEYS[1], ARGV[1]) redis.call('EXPIRE', KEYS[1], ARGV[2])")


class Open(Protocol):
    """What is told of an open connection."""

    id: str
    kind: SocketKind
    identity: Identity
    since: float
    delivery: Delivery

    def end(self, code: int, reason: str, retry_after_ms: int | None = None) -> None: ...


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One connection. `since`: Unix time. `lag`: events between its cursor and the stream's head;
    `events`, `size` in bytes: those of them that were sent. `grant`: what lets it in, as
    `session:<public id>` or `token:<id>`."""

    id: str
    user_id: int
    username: str
    kind: SocketKind
    since: float
    lag: int
    events: int
    size: int
    grant: str
    process: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One process's. The numbers are of all its connections, the rows of those that lag most."""

    process: str
    closed: bool = False
    kinds: dict[SocketKind, int] = {}
    lag: int = 0
    events: int = 0
    size: int = 0
    rows: list[Row] = []


class RollCall:
    """Belongs to one event loop; answers for the connections that it is given."""

    def __init__(self, connections: Mapping[str, Open]) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self._connections = connections
        self._redis = address().connect_async()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        self._do(self._stay())

    async def end(self) -> None:
        """This process is going; nobody needs to wait for its answers."""
        for task in self._tasks:
            task.cancel()
        try:
            async with asyncio.timeout(1):
                await self._redis.zrem(PROCESSES, self.name)
        except (RedisError, OSError) as error:
            logger.warning("the log's server was not told of the end: %s", error)

    def _do(self, step: Any) -> None:
        task = asyncio.create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stay(self) -> None:
        is_listening = False
        while True:
            try:
                if not is_listening:
                    await hub().listen(GROUP, lambda question: self._do(self._answer(question)))
                    is_listening = True
                await _RENEW.run_async(self._redis, [PROCESSES], self.name, LEASE)
            except (RedisError, OSError, TimeoutError) as error:
                logger.warning("the log does not answer: %s", error)
            await asyncio.sleep(RENEW)

    async def _answer(self, question: dict[str, Any]) -> None:
        try:
            if wanted := question["close"]:
                answer = Answer(process=self.name, closed=self._close(wanted))
            else:
                answer = await self._all()
            encoded = msgspec.json.encode(answer)
            await _ANSWER.run_async(self._redis, [question["answers"]], encoded, ANSWER_KEPT)
        except (RedisError, OSError) as error:
            logger.warning("a question of staff is not answered: %s", error)
        except Exception:
            logger.exception("a question of staff could not be answered")

    def _close(self, connection_id: str) -> bool:
        """Its client comes back, as after a restart."""
        if connection := self._connections.get(connection_id):
            connection.end(CloseCode.RESTART, "Closed by staff.", COME_BACK_MS)
        return connection is not None

    async def _all(self) -> Answer:
        rows: list[Row] = []
        for number, connection in enumerate(list(self._connections.values()), 1):
            rows.append(self._row(connection))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        kinds: dict[SocketKind, int] = {"websocket": 0, "sse": 0}
        for row in rows:
            kinds[row.kind] += 1
        return Answer(
            process=self.name,
            kinds=kinds,
            lag=sum(row.lag for row in rows),
            events=sum(row.events for row in rows),
            size=sum(row.size for row in rows),
            rows=heapq.nlargest(MOST_ROWS, rows, key=by_lag),
        )

    def _row(self, connection: Open) -> Row:
        identity, (events, size) = connection.identity, connection.delivery.outbox
        return Row(
            id=connection.id,
            user_id=identity.user_id,
            username=identity.username,
            kind=connection.kind,
            since=connection.since,
            lag=connection.delivery.lag,
            events=events,
            size=size,
            grant=identity.grant,
            process=self.name,
        )


def by_lag(row: Row) -> tuple[int, int, float]:
    """A key by which the largest lag, and of those alike the newest, is the largest."""
    return row.lag, row.size, row.since
