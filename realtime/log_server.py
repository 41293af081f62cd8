"""Connections to the log's server: one Valkey, the master behind Sentinels, or a Valkey Cluster.

`REALTIME_REDIS_URL` says which:

- `redis://…`, `rediss://…` or `unix://…`
- `redis+sentinel://[:password@]host:port,host:port/service/db`
- `redis+cluster://[:password@]host:port,host:port`

The password is that of the servers; Sentinels are asked without one.
"""

import hashlib
import os
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import redis
import redis.asyncio
from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as UntypedAsyncSentinel
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.cluster import ClusterNode as UntypedClusterNode
from redis.connection import parse_url as untyped_parse_url
from redis.exceptions import NoScriptError
from redis.retry import Retry
from redis.sentinel import Sentinel as UntypedSentinel

# Parts of redis-py that have no types.
ClusterNode: Any = UntypedClusterNode
Sentinel: Any = UntypedSentinel
AsyncSentinel: Any = UntypedAsyncSentinel
AsyncConnection: Any = redis.asyncio.Connection
parse_url: Any = untyped_parse_url

Client = Any  # redis.Redis or redis.RedisCluster, whose commands are typed as either's
Value = bytes | str | int

TRIES = 3
TIMEOUT, CONNECT_TIMEOUT = 2.0, 1.0  # seconds

# One that the server closed, or that is refused, is tried again for half a second; past that the
# caller decides. A server that is there but does not answer is not asked twice.
_BACKOFF = ExponentialBackoff(cap=0.2, base=0.05)
_CLOSED = (redis.ConnectionError,)
_OPTIONS: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": CONNECT_TIMEOUT}


@dataclass(frozen=True)
class Address:
    """Where the log's server is. Raises ValueError, in `parse`, for what is no such URL."""

    kind: str  # server, sentinel or cluster
    url: str = ""
    hosts: tuple[tuple[str, int], ...] = ()
    service: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Address":
        scheme, _, rest = url.partition("://")
        if scheme not in {"redis+sentinel", "redis+cluster"}:
            return cls("server", url, db=int(parse_url(url).get("db", 0)))
        credentials, _, place = rest.rpartition("@")
        username, _, password = credentials.partition(":")
        netloc, _, path = place.partition("/")
        hosts = tuple(_host(text) for text in netloc.split(","))
        service, _, db = path.partition("/")
        if scheme == "redis+sentinel" and not service:
            raise ValueError("a Sentinel URL ends with /service/db: which master is meant?")
        if scheme == "redis+cluster" and path:
            raise ValueError("a cluster has no databases: its URL ends with the last port")
        return cls(
            scheme.partition("+")[2],
            hosts=hosts,
            service=service,
            db=int(db or 0),
            username=unquote(username) or None,
            password=unquote(password) or None,
        )

    @property
    def _credentials(self) -> dict[str, Any]:
        return {"username": self.username, "password": self.password}

    def connect(self, **options: Any) -> Client:
        """A client that blocks."""
        options = _OPTIONS | self._credentials | options
        if self.kind == "cluster":
            nodes = [ClusterNode(host, port) for host, port in self.hosts]
            options |= {"retry": Retry(_BACKOFF, TRIES), "require_full_coverage": False}
            return redis.RedisCluster(startup_nodes=nodes, **options)
        again = {"retry": Retry(_BACKOFF, TRIES, _CLOSED), "retry_on_error": [*_CLOSED]}
        options = again | options
        if self.kind == "sentinel":
            sentinels = Sentinel(self.hosts, sentinel_kwargs=_OPTIONS)
            return sentinels.master_for(self.service, db=self.db, **options)
        return redis.Redis.from_url(self.url, **_known(options))

    def connect_async(self) -> Client:
        """A client of one event loop."""
        options = _OPTIONS | self._credentials
        if self.kind == "cluster":
            nodes = [AsyncClusterNode(host, port) for host, port in self.hosts]
            options |= {"retry": AsyncRetry(_BACKOFF, TRIES), "require_full_coverage": False}
            return redis.asyncio.RedisCluster(startup_nodes=nodes, **options)
        options |= {"retry": AsyncRetry(_BACKOFF, TRIES, _CLOSED), "retry_on_error": [*_CLOSED]}
        if self.kind == "sentinel":
            sentinels = AsyncSentinel(self.hosts, sentinel_kwargs=_OPTIONS)
            return sentinels.master_for(self.service, db=self.db, **options)
        return redis.asyncio.Redis.from_url(self.url, **_known(options))

    def layer_host(self) -> dict[str, Any]:
        """The `hosts` entry of channels_redis. It listens at one node of a cluster, to which the
        others pass on what is published."""
        options = _OPTIONS | _known(self._credentials) | {"redis_connect_func": Layer.connects}
        if self.kind == "server":
            return {"address": self.url} | options
        if self.kind == "cluster":
            return {"connection_class": AnyNode, "nodes": self.hosts} | options
        sentinels = {"sentinels": self.hosts, "sentinel_kwargs": _OPTIONS}
        return {"master_name": self.service, "db": self.db} | sentinels | options


class Layer:
    """Counts the channel layer's connections: before a new one something may have been missed."""

    connections = 0

    @classmethod
    async def connects(cls, connection: Any) -> None:
        await connection.on_connect()
        cls.connections += 1


class AnyNode(AsyncConnection):  # type: ignore[misc]
    """A connection to one of several nodes, whichever can be reached."""

    def __init__(self, nodes: Sequence[tuple[str, int]], **options: Any) -> None:
        super().__init__(**options)
        self._nodes = nodes

    async def _connect(self) -> None:
        *others, last = random.sample(self._nodes, len(self._nodes))
        for self.host, self.port in others:
            with suppress(OSError):
                await super()._connect()
                return
        self.host, self.port = last
        await super()._connect()


def _host(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not (separator and host and port.isdecimal()):
        raise ValueError(f"{text!r} is not host:port")
    return host.strip("[]"), int(port)


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """Without what is None, which would replace what a URL says."""
    return {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True)
class Script:
    """A Lua script. It is named by its digest, and sent whole to a server that does not know it."""

    text: str

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: Any, keys: Sequence[str], *arguments: Value) -> Any:
        """Raises redis.RedisError."""
        more = (len(keys), *keys, *arguments)
        try:
            return client.evalsha(self._digest, *more)
        except NoScriptError:
            return client.eval(self.text, *more)

    async def run_async(self, client: Any, keys: Sequence[str], *arguments: Value) -> Any:
        """The same, with a client of an event loop."""
        more = (len(keys), *keys, *arguments)
        try:
            return await client.evalsha(self._digest, *more)
        except NoScriptError:
            return await client.eval(self.text, *more)

    async def run_many(
        self, client: Any, calls: Sequence[tuple[Sequence[str], Sequence[Value]]]
    ) -> list[Any]:
        """Several runs, of keys and arguments, in one round trip to each node."""
        answers = await _pipelined(client, "EVALSHA", self._digest, calls)
        unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        again = await _pipelined(client, "EVAL", self.text, [calls[n] for n in unknown])
        for n, answer in zip(unknown, again, strict=True):
            answers[n] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


async def _pipelined(
    client: Any, command: str, script: str, calls: Sequence[tuple[Sequence[str], Sequence[Value]]]
) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    for keys, arguments in calls:
        pipeline.execute_command(command, script, len(keys), *keys, *arguments)
    answers: list[Any] = await pipeline.execute(raise_on_error=False)
    return answers


class Line:
    """A connection of the calling thread's own, for scripts: a client's pool would cost half as
    much again as the script. In a cluster it is a client, which knows who has which key."""

    def __init__(self, server: Callable[[], Address]) -> None:
        self._server = server
        self._own = threading.local()
        self._retry = Retry(_BACKOFF, TRIES, _CLOSED)

    def evalsha(self, *arguments: Value) -> Any:
        return self._ask("EVALSHA", arguments)

    def eval(self, *arguments: Value) -> Any:
        return self._ask("EVAL", arguments)

    def _ask(self, command: str, arguments: Sequence[Value]) -> Any:
        own = self._own
        if getattr(own, "pid", 0) != os.getpid():  # a forked process must not speak on its parent's
            own.pid, own.client, own.line = os.getpid(), *self._open()
        if own.line is None:
            return own.client.execute_command(command, *arguments)
        return self._retry.call_with_retry(
            lambda: _answer(own.line, command, arguments), lambda _: own.line.disconnect()
        )

    def _open(self) -> tuple[Client, Any]:
        address = self._server()
        if address.kind == "cluster":
            return address.connect(), None
        client = address.connect(retry=Retry(NoBackoff(), 0), retry_on_error=[])
        return client, client.connection_pool.make_connection()


def _answer(line: Any, command: str, arguments: Sequence[Value]) -> Any:
    line.connect()
    try:
        line.send_command(command, *arguments)
        return line.read_response()
    except NoScriptError:
        raise
    except BaseException:
        line.disconnect()  # an answer may still be on its way
        raise
