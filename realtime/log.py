"""The log: one stream of events per user, in Valkey or Redis.

Entries have contiguous offsets from 1, within an epoch; `<epoch>-<offset>` names one. The epoch is
bound to the server's run id: after a restart, a promotion or a flush the memory of what was sent
cannot be trusted, so a new epoch begins and every cursor of the old one is answered by `resync`.

Appending is one script: offset, entry, trim and announcement to the user's channel-layer group
happen together, so the order in the log is the order of delivery.
"""

from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

TRIES = 3

# The current epoch, begun anew when the server is not the one that the meta hash was written on.
_EPOCH = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local meta = redis.call('HMGET', KEYS[2], 'run', 'epoch', 'offset')
local epoch, offset = meta[2], tonumber(meta[3] or '0')
if meta[1] ~= run then
  local now = redis.call('TIME')
  epoch, offset = string.format('%s%x%05x', string.sub(run, 1, 6), now[1], now[2]), 0
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[2], 'run', run, 'epoch', epoch, 'offset', 0)
  redis.call('EXPIRE', KEYS[2], 604800)
end
"""

# ARGV: payload, most entries, seconds, group channel, user id, key of the event or ''
_APPEND = (
    _EPOCH
    + """
local seen = KEYS[1] .. ':once:' .. ARGV[6]
if ARGV[6] ~= '' and not redis.call('SET', seen, 1, 'NX', 'EX', ARGV[3]) then
  return {epoch, offset}
end
offset = redis.call('HINCRBY', KEYS[2], 'offset', 1)
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], offset .. '-0', 'e', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], 604800)
redis.call('PUBLISH', ARGV[4], cmsgpack.pack({
  type = 'log.appended', user = ARGV[5], epoch = epoch, offset = offset, payload = ARGV[1]}))
return {epoch, offset}
"""
)

_HEAD = _EPOCH + "return {epoch, offset}"

# ARGV: after which offset, most entries
_READ = (
    _EPOCH
    + """
local entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1] .. '-0', '+', 'COUNT', ARGV[2])
local found = {}
for _, entry in ipairs(entries) do found[#found + 1] = entry[2][2] end
local first = 0
if entries[1] then first = tonumber(string.match(entries[1][1], '^(%d+)')) end
return {epoch, offset, first, found}
"""
)


class Trimmed(Exception):
    """The log no longer holds everything after the offset that was asked for."""


@dataclass(frozen=True)
class Position:
    """A place in a user's stream, written `<epoch>-<offset>`."""

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"

    @classmethod
    def parse(cls, cursor: str) -> "Position":
        """Raises ValueError for what no server of ours has sent."""
        epoch, separator, offset = cursor.partition("-")
        if not (separator and epoch.isalnum() and offset.isdecimal() and len(cursor) < 64):
            raise ValueError("a cursor looks like <epoch>-<offset>")
        return cls(epoch, int(offset))


@dataclass(frozen=True)
class Reading:
    """What the log holds after an offset: `payloads[i]` is at offset `first + i`."""

    head: Position
    first: int
    payloads: Sequence[bytes]


def group(user_id: int) -> str:
    """The user's channel-layer group."""
    return f"user-{user_id}"


def _keys(user_id: int) -> list[str]:
    return [f"rt:{{{user_id}}}:stream", f"rt:{{{user_id}}}:meta"]


def _group_channel(user_id: int) -> str:
    """The name under which channels_redis' pub/sub layer listens for a group."""
    return f"{settings.REALTIME_PREFIX}__group__{group(user_id)}"


def _backoff() -> ExponentialBackoff:
    return ExponentialBackoff(cap=0.2, base=0.05)


@cache
def _connection() -> redis.Redis:
    """This process's connections, kept open. One that the server closed, or that is refused, is
    tried again for half a second; past that the caller decides."""
    return redis.Redis.from_url(
        settings.REALTIME_REDIS_URL,
        socket_timeout=2,
        socket_connect_timeout=1,
        retry=Retry(_backoff(), TRIES),
        retry_on_error=[redis.ConnectionError],  # else an open connection that broke is not
    )


@cache
def _scripts() -> dict[str, Any]:
    return {text: _connection().register_script(text) for text in (_APPEND, _HEAD)}


def _position(answer: Sequence[Any]) -> Position:
    return Position(answer[0].decode(), int(answer[1]))


def append(user_id: int, payload: bytes, key: str = "") -> Position:
    """Append one event and announce it. A `key` seen within the retention is appended once.

    Raises redis.RedisError when the server is away.
    """
    arguments = [
        payload,
        settings.REALTIME_LOG_EVENTS,
        settings.REALTIME_LOG_SECONDS,
        _group_channel(user_id),
        user_id,
        key,
    ]
    return _position(_scripts()[_APPEND](keys=_keys(user_id), args=arguments))


def head(user_id: int) -> str:
    """The last event's id: read it before the rows, and events after it complete them."""
    return str(_position(_scripts()[_HEAD](keys=_keys(user_id))))


def follow(user_id: int, after: Position) -> Iterator[tuple[Position, bytes]]:
    """Events after a position as they come, for ever; blocks for at most a second between looks.

    Ends by raising Trimmed when some are gone or the epoch changed.
    """
    with redis.Redis.from_url(settings.REALTIME_REDIS_URL, socket_timeout=5) as client:
        while True:
            if Position.parse(head(user_id)).epoch != after.epoch:
                raise Trimmed
            streams = {_keys(user_id)[0]: f"{after.offset}-0"}
            answer = cast(Any, client.xread(streams, count=100, block=1000))
            for entry_id, fields in answer[0][1] if answer else ():
                offset = int(entry_id.split(b"-")[0])
                if offset != after.offset + 1:
                    raise Trimmed
                after = Position(after.epoch, offset)
                yield after, fields[b"e"]


class AsyncLog:
    """The log as web processes read it; belongs to one event loop."""

    def __init__(self) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            settings.REALTIME_REDIS_URL,
            socket_timeout=5,
            socket_connect_timeout=2,
            retry=AsyncRetry(_backoff(), TRIES),
            retry_on_error=[redis.ConnectionError],
        )
        self._head = self._redis.register_script(_HEAD)
        self._read = self._redis.register_script(_READ)

    async def head(self, user_id: int) -> Position:
        return _position(await cast("Awaitable[Any]", self._head(keys=_keys(user_id))))

    async def read(self, user_id: int, after: Position, count: int) -> Reading:
        """Up to `count` events after a position.

        Raises Trimmed when some are gone. A head of another epoch than `after` has no payloads.
        """
        answer = await cast(
            "Awaitable[Any]", self._read(keys=_keys(user_id), args=[after.offset, count])
        )
        position, first, payloads = _position(answer), int(answer[2]), answer[3]
        if position.epoch != after.epoch:
            return Reading(position, 0, [])
        if after.offset < position.offset and first != after.offset + 1:
            raise Trimmed
        return Reading(position, first, payloads)

    async def close(self) -> None:
        await self._redis.aclose()
