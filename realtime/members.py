"""Who is at a topic, as the log's server knows it for all web processes.

Of each topic a sorted set holds one member for each person and web process, `<user id>:<process>:
<username>`, with the time at which it expires, and a key the version of who is there. A person is
there while any of their members is. One script does all: it drops what has expired, writes what a
process has to say, and when that changed who is there, gives it a new version and announces it, as
a whole, to the topic's channel-layer group. Versions rise with the server's clock, so that they do
so over its restart too. Who was sent away is kept for a while with the version at which they were:
a process that has not heard of it yet does not bring them back.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from django.db import transaction

from realtime import log
from realtime.log_server import Script
from realtime.topics import Topic

logger = logging.getLogger(__name__)

EVERYBODY = "everybody"
_KEPT_MS = 60_000

# KEYS: members, version, who was sent away; ARGV: the group's channel, the group, ...
_BEGIN = """
local function look()
  local found, people = {}, {}
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local id, name = string.match(member, '^(%d+):%w+:(.*)$')
    if not found[id] then
      found[id] = true
      people[#people + 1] = id
      people[#people + 1] = name
    end
  end
  return found, people
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = look()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
"""

# ... then the version that the process knows, and pairs: a member, and the milliseconds until it
# expires; 0 takes it away.
_TOUCH = f"""
local added = {{}}
local known = tonumber(ARGV[3])
local function was_sent_away(id)
  local versions = redis.call('HMGET', KEYS[3], id, '{EVERYBODY}')
  return math.max(tonumber(versions[1] or '0'), tonumber(versions[2] or '0')) > known
end
for n = 4, #ARGV, 2 do
  local ms = tonumber(ARGV[n + 1])
  if ms > 0 and not was_sent_away(string.match(ARGV[n], '^%d+')) then
    added[#added + 1] = redis.call('ZADD', KEYS[1], now + ms, ARGV[n])
  else
    added[#added + 1] = 0
    redis.call('ZREM', KEYS[1], ARGV[n])
  end
end
local sent_away = nil
"""

# ... then the ids of users, or "everybody".
_SEND_AWAY = f"""
local added, sent_away = {{}}, {{}}
for n = 3, #ARGV do sent_away[n - 2] = ARGV[n] end
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local id = string.match(member, '^%d+')
  for _, who in ipairs(sent_away) do
    if who == id or who == '{EVERYBODY}' then redis.call('ZREM', KEYS[1], member) end
  end
end
"""

_END = f"""
local after, people = look()
local version = tonumber(redis.call('GET', KEYS[2]) or '0')
local changed = version == 0
for id in pairs(before) do changed = changed or not after[id] end
for id in pairs(after) do changed = changed or not before[id] end
if changed or sent_away then version = math.max(version + 1, time[1] * 1000000 + time[2]) end
redis.call('SET', KEYS[2], string.format('%.0f', version), 'PX', {_KEPT_MS})
redis.call('PEXPIRE', KEYS[1], {_KEPT_MS})
for _, who in ipairs(sent_away or {{}}) do
  redis.call('HSET', KEYS[3], who, string.format('%.0f', version))
  redis.call('PEXPIRE', KEYS[3], {_KEPT_MS})
end
if changed or sent_away then
  redis.call('PUBLISH', ARGV[1], cmsgpack.pack({{type = 'topic.changed', group = ARGV[2],
    version = version, people = people, sent_away = sent_away}}))
end
return {{version, added, people}}
"""

_touching = Script(_BEGIN + _TOUCH + _END)
_sending_away = Script(_BEGIN + _SEND_AWAY + _END)

Names = Mapping[str, str]  # of users, by their ids


@dataclass(frozen=True)
class Present:
    """Who is there. `added` says of each member that was written whether it was not there."""

    version: int
    people: Names
    added: Sequence[bool]


@dataclass(frozen=True)
class Touch:
    topic: Topic
    known: int  # the version of who is there that the process has heard of
    members: Sequence[tuple[str, int]]  # and the milliseconds they are kept

    @property
    def arguments(self) -> list[str | int]:
        return [self.known, *(part for member in self.members for part in member)]


def member_of(user_id: int, process: str, username: str) -> str:
    return f"{user_id}:{process}:{username}"


def names_of(people: Sequence[str]) -> Names:
    """Of a list of ids, each followed by a name."""
    return dict(zip(people[::2], people[1::2], strict=True))


def _keys(topic: Topic) -> list[str]:
    """All of a topic's keys are on one node of a cluster."""
    return [f"rt:{{{topic}}}:{of}" for of in ("members", "version", "sent_away")]


def _arguments(topic: Topic, *more: str | int) -> list[str | int]:
    return [log.group_channel(topic.group), topic.group, *more]


def _present(answer: Sequence[Any]) -> Present:
    people = names_of([text.decode() for text in answer[2]])
    return Present(int(answer[0]), people, [bool(flag) for flag in answer[1]])


class Members:
    """As web processes write and read them; belongs to one event loop."""

    def __init__(self) -> None:
        self._redis = log.address().connect_async()

    async def touch(self, touches: Sequence[Touch]) -> list[Present]:
        """Keep members for a time, or take them away; who is then at each topic. In one round trip.

        Raises RedisError or OSError.
        """
        calls = [
            (_keys(touch.topic), _arguments(touch.topic, *touch.arguments)) for touch in touches
        ]
        return [_present(answer) for answer in await _touching.run_many(self._redis, calls)]

    async def close(self) -> None:
        await self._redis.aclose()


def people_at(topic: Topic) -> Names:
    """Who is there now. Raises redis.RedisError when the server is away."""
    return _present(_touching.run(log.client(), _keys(topic), *_arguments(topic, 0))).people


def send_away(topic: Topic, user_ids: Sequence[int] | None = None) -> None:
    """Once the current transaction has committed, users, or all, are no longer at a topic and hear
    nothing more of it. With the server away, each web process finds that out by itself."""
    who = [EVERYBODY] if user_ids is None else [str(user_id) for user_id in user_ids]
    transaction.on_commit(lambda: _send_away(topic, who), robust=True)


def _send_away(topic: Topic, who: Sequence[str]) -> None:
    try:
        _sending_away.run(log.client(), _keys(topic), *_arguments(topic, *who))
    except redis.RedisError as error:
        logger.warning("nobody is sent away at once, the log does not answer: %s", error)
