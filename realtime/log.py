"""The log: one stream of events per user, in Valkey or Redis.

Entries have contiguous offsets from 1, within an epoch; `<epoch>-<offset>` names one. The epoch is
bound to the server's replication id, which begins anew with each start and each promotion: after
these, or a flush, the memory of what was sent cannot be trusted, so a new epoch begins and every
cursor of the old one is answered by `resync`.

Appending is one script: offset, entry, trim and announcement to the user's channel-layer group
happen together, so the order in the log is the order of delivery. An entry's stream id is
`<offset>-<unix seconds>`, its fields `e`, the event, and `k`, what it may be coalesced with.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from django.conf import settings

from realtime.log_clock import LogClock
from realtime.log_server import Address, Line, Script

META_SECONDS = 7 * 24 * 3600
FENCE_SECONDS = 24 * 3600  # a worker that is taken for dead does not come back later than this

# The current epoch, begun anew when the server is not what it was when the meta hash was written.
_EPOCH = f"""
local run = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local now = redis.call('TIME')
local meta = redis.call('HMGET', KEYS[2], 'run', 'epoch', 'offset')
local epoch, offset = meta[2], tonumber(meta[3] or '0')
if meta[1] ~= run then
  epoch, offset = string.format('%s%x%05x', string.sub(run, 1, 6), now[1], now[2]), 0
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[2], 'run', run, 'epoch', epoch, 'offset', 0)
  redis.call('EXPIRE', KEYS[2], {META_SECONDS})
end
"""

# KEYS: stream, meta, mark of the event, fence of the job
# ARGV: payload, what it is coalesced with, most entries, seconds they are kept, seconds the mark is
# kept, fence or 0, group channel, user id
_APPEND = Script(
    _EPOCH
    + f"""
local fence = tonumber(ARGV[6])
if fence > 0 then
  local newest = tonumber(redis.call('GET', KEYS[4]) or '0')
  if fence < newest then return {{epoch, -1}} end
  if fence > newest then redis.call('SET', KEYS[4], fence, 'EX', {FENCE_SECONDS}) end
end
if not redis.call('SET', KEYS[3], 1, 'NX', 'EX', ARGV[5]) then return {{epoch, offset}} end
offset = redis.call('HINCRBY', KEYS[2], 'offset', 1)
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], offset .. '-' .. now[1],
  'e', ARGV[1], 'k', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
if offset % 32 == 1 then
  redis.call('EXPIRE', KEYS[2], {META_SECONDS})
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 64)) do
    if tonumber(string.match(entry[1], '-(%d+)')) >= now[1] - ARGV[4] then break end
    redis.call('XDEL', KEYS[1], entry[1])
  end
end
redis.call('PUBLISH', ARGV[7], cmsgpack.pack({{
  type = 'log.appended', user = ARGV[8], epoch = epoch, offset = offset, payload = ARGV[1],
  at = now[1] + now[2] / 1000000}}))
return {{epoch, offset}}
"""
)

_HEAD = Script(_EPOCH + "return {epoch, offset, now[1], now[2]}")

# ARGV: the offset to begin with, most entries
_READ = Script(
    _EPOCH
    + """
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local found = {}
for _, entry in ipairs(entries) do
  found[#found + 1] = entry[2][2]
  found[#found + 1] = entry[2][4]
end
local first = 0
if entries[1] then first = tonumber(string.match(entries[1][1], '^(%d+)')) end
return {epoch, offset, first, found}
"""
)
_LAST_OF_OFFSET = 2**64 - 1  # the second half of a stream id, when everything of the first is meant


class Trimmed(Exception):
    """The log no longer holds everything after the offset that was asked for."""


@dataclass(frozen=True, slots=True)
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
        is_ours = cursor.isascii() and epoch.isalnum() and offset.isdecimal()
        if not (separator and is_ours and len(cursor) < 64):
            raise ValueError("a cursor looks like <epoch>-<offset>")
        return cls(epoch, int(offset))


@dataclass(frozen=True)
class Entry:
    """One event as it is kept. `coalesce` is what it may be coalesced with; see `events.py`."""

    offset: int
    payload: bytes
    coalesce: str


@dataclass(frozen=True)
class Reading:
    """What the log holds after an offset, without a hole."""

    head: Position
    entries: Sequence[Entry]


def group(user_id: int) -> str:
    """The user's channel-layer group."""
    return f"user-{user_id}"


def _keys(user_id: int, *more: str) -> list[str]:
    """All of a user's keys are on one node of a cluster."""
    return [f"rt:{{{user_id}}}:{name}" for name in ("stream", "meta", *more)]


def group_channel(name: str) -> str:
    """The name under which channels_redis' pub/sub layer listens for a group."""
    return f"{settings.REALTIME_PREFIX}__group__{name}"


def address() -> Address:
    return Address.parse(settings.REALTIME_REDIS_URL)


@cache
def client() -> Any:
    """This process's connections for what is not appending, kept open."""
    return address().connect()


_line = Line(address)  # for appending


def _position(answer: Sequence[Any]) -> Position:
    return Position(answer[0].decode(), int(answer[1]))


def append(
    user_id: int,
    payload: bytes,
    *,
    key: str = "",
    coalesce: str = "",
    job: object = "",
    fence: int = 0,
) -> Position | None:
    """Append one event and announce it.

    A `key` seen within the retention is appended once. Of a `job`, nothing is appended with a lower
    `fence` than what was appended before: None then. Raises redis.RedisError when the server is
    away.
    """
    seconds = settings.REALTIME_LOG_SECONDS
    # Without a key of its own an event has one for as long as a broken connection is tried again.
    mark, marked = (key, seconds) if key else (uuid.uuid4().hex, 30)
    keys = _keys(user_id, f"once:{mark}", f"fence:{job}")
    kept = settings.REALTIME_LOG_EVENTS, seconds
    to = group_channel(group(user_id)), user_id
    answer = _APPEND.run(_line, keys, payload, coalesce, *kept, marked, fence, *to)
    position = _position(answer)
    return position if position.offset >= 0 else None


def head(user_id: int) -> str:
    """The last event's id: read it before the rows, and events after it complete them."""
    return str(_position(_HEAD.run(client(), _keys(user_id))))


def read(user_id: int, after: Position, count: int) -> Reading:
    """As `AsyncLog.read`. Raises Trimmed, redis.RedisError."""
    return _reading(_READ.run(client(), _keys(user_id), after.offset + 1, count), after)


def _reading(answer: Sequence[Any], after: Position) -> Reading:
    position, first, found = _position(answer), int(answer[2]), answer[3]
    if position.epoch != after.epoch:
        return Reading(position, [])
    if after.offset < position.offset and first != after.offset + 1:
        raise Trimmed
    pairs = zip(found[::2], found[1::2], strict=True)
    entries = [Entry(first + n, pair[0], pair[1].decode()) for n, pair in enumerate(pairs)]
    return Reading(position, entries)


def forget(user_id: int) -> None:
    """Remove a user's stream. Raises redis.RedisError."""
    client().delete(*_keys(user_id))


def follow(user_id: int, after: Position) -> Iterator[tuple[Position, bytes]]:
    """Events after a position as they come, for ever; blocks for at most a second between looks.

    Ends by raising Trimmed when some are gone or the epoch changed.
    """
    while True:
        if Position.parse(head(user_id)).epoch != after.epoch:
            raise Trimmed
        streams = {_keys(user_id)[0]: f"{after.offset}-{_LAST_OF_OFFSET}"}
        answer = cast(Any, client().xread(streams, count=100, block=1000))
        for entry_id, fields in answer[0][1] if answer else ():
            offset = int(entry_id.split(b"-")[0])
            if offset != after.offset + 1:
                raise Trimmed
            after = Position(after.epoch, offset)
            yield after, fields[b"e"]


class AsyncLog:
    """The log as web processes read it; belongs to one event loop."""

    def __init__(self) -> None:
        self._redis = address().connect_async()
        self.clock = LogClock()

    async def head(self, user_id: int) -> Position:
        asked = time.monotonic()
        answer = await _HEAD.run_async(self._redis, _keys(user_id))
        self.clock.told(int(answer[2]) + int(answer[3]) / 1e6, asked, time.monotonic())
        return _position(answer)

    async def read(self, user_id: int, after: Position, count: int) -> Reading:
        """Up to `count` events after a position.

        Raises Trimmed when some are gone. A head of another epoch than `after` has no entries.
        """
        keys = _keys(user_id)
        return _reading(await _READ.run_async(self._redis, keys, after.offset + 1, count), after)

    async def announce(self, name: str, message: bytes) -> None:
        """To a group, as appending does."""
        await self._redis.publish(group_channel(name), message)

    async def close(self) -> None:
        await self._redis.aclose()
