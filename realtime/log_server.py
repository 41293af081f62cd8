"""Connections to the log's server: one Valkey, the master behind Sentinels, or a Valkey Cluster.

`REALTIME_REDIS_URL` says which:

- `redis://…`, `rediss://…` or `unix://…`
- `redis+sentinel://[:password@]host:port,host:port/service/db`
- `redis+cluster://[:password@]host:port,host:port`

The password is that of the servers; Sentinels are asked without one.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import redis
import redis.asyncio
from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as UntypedAsyncSentinel
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.cluster import ClusterNode as UntypedClusterNode
from redis.exceptions import MovedError, NoScriptError
from redis.retry import Retry
from redis.sentinel import Sentinel as UntypedSentinel

# Parts of redis-py that have no types.
ClusterNode: Any = UntypedClusterNode
Sentinel: Any = UntypedSentinel
AsyncSentinel: Any = UntypedAsyncSentinel

Client = Any  # redis.Redis or redis.RedisCluster, whose commands are typed as either's

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
            return cls("server", url)
        credentials, _, place = rest.rpartition("@")
        username, _, password = credentials.partition(":")
        netloc, _, path = place.partition("/")
        hosts = tuple(_host(text) for text in netloc.split(","))
        service, _, db = path.partition("/")
        if scheme == "redis+sentinel" and not service:
            raise ValueError("a Sentinel URL ends with /service/db: which master is meant?")
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
            return redis.asyncio.RedisCluster(startup_nodes=nodes, **options)
        options |= {"retry": AsyncRetry(_BACKOFF, TRIES, _CLOSED), "retry_on_error": [*_CLOSED]}
        if self.kind == "sentinel":
            sentinels = AsyncSentinel(self.hosts, sentinel_kwargs=_OPTIONS)
            return sentinels.master_for(self.service, db=self.db, **options)
        return redis.asyncio.Redis.from_url(self.url, **_known(options))

    def layer_host(self) -> dict[str, Any]:
        """The `hosts` entry of channels_redis. It listens at one node of a cluster, to which the
        others pass on what is published."""
        # redis-py's own socket_timeout would end an idle subscription.
        options = {"socket_timeout": None, "socket_keepalive": True}
        if self.kind == "server":
            return {"address": self.url} | options
        options |= _known(self._credentials)
        if self.kind == "sentinel":
            return {"sentinels": self.hosts, "master_name": self.service, "db": self.db} | options
        host, port = self.hosts[0]
        return {"host": host, "port": port} | options


def _host(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not (separator and host and port.isdecimal()):
        raise ValueError(f"{text!r} is not host:port")
    return host.strip("[]"), int(port)


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """Without what is None, which would replace what a URL says."""
    return {name: value for name, value in options.items() if value is not None}


class Script:
    """A Lua script, run on a connection of the calling thread's own.

    The last ARGV is the run id of the server that runs it, which the connection learned when it was
    made: a connection cannot outlive its server. A client's pool would cost as much again as the
    script itself.
    """

    def __init__(self, text: str, server: Callable[[], Address]) -> None:
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._server = server
        self._own = threading.local()
        self._retry = Retry(_BACKOFF, TRIES, _CLOSED)

    def __call__(self, keys: Sequence[str], arguments: Sequence[bytes | str | int]) -> Any:
        """Raises redis.RedisError."""
        lines = self._lines()
        return self._retry.call_with_retry(
            lambda: self._run(lines.to(keys[0]), keys, arguments), lambda _: lines.hang_up()
        )

    def _run(self, line: Any, keys: Sequence[str], arguments: Sequence[bytes | str | int]) -> Any:
        more = (len(keys), *keys, *arguments, line.run_id)
        try:
            try:
                line.send_command("EVALSHA", self._sha, *more)
                return line.read_response()
            except NoScriptError:
                line.send_command("EVAL", self._text, *more)
                return line.read_response()
        except MovedError as error:
            raise redis.ConnectionError("the slot has moved to another node") from error
        except BaseException:
            line.disconnect()  # an answer may still be on its way
            raise

    def _lines(self) -> "_Lines":
        pid = os.getpid()  # a forked process must not speak on its parent's
        if getattr(self._own, "pid", 0) != pid:
            self._own.pid, self._own.lines = pid, _Lines(self._server())
        lines: _Lines = self._own.lines
        return lines


class _Lines:
    """One thread's connections: one, or one to each node of a cluster."""

    def __init__(self, address: Address) -> None:
        cluster = address.kind == "cluster"
        learn = _learn if cluster else _greet
        once = {} if cluster else {"retry": Retry(NoBackoff(), 0), "retry_on_error": []}
        self._client = address.connect(redis_connect_func=learn, **once)
        self._is_cluster = cluster
        self._open: dict[str, Any] = {}

    def to(self, key: str) -> Any:
        """An open connection to the node that has a key."""
        name, client = "", self._client
        if self._is_cluster:
            node = self._client.get_node_from_key(key)
            name, client = node.name, self._client.get_redis_connection(node)
        line = self._open.get(name)
        if line is None:
            line = self._open[name] = client.connection_pool.make_connection()
        line.connect()
        return line

    def hang_up(self) -> None:
        for line in self._open.values():
            line.disconnect()
        self._open.clear()
        if self._is_cluster:
            self._client.nodes_manager.initialize()  # who has which slots now?


def _greet(connection: Any) -> None:
    connection.on_connect()
    _learn(connection)


def _learn(connection: Any) -> None:
    """Which server is at the other end?"""
    connection.send_command("INFO", "server")
    answer = connection.read_response()
    text = answer.decode() if isinstance(answer, bytes) else str(answer)
    connection.run_id = text.partition("run_id:")[2].partition("\r")[0]
