"""A response of Server-Sent Events, before a server that a test plays. On a real log."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from realtime import hub as hub_module
from realtime import log, sse
from realtime.delivery import WINDOW_BYTES, WINDOW_FRAMES
from realtime.grants import grants
from realtime.hub import hub
from realtime.sockets import sockets
from tests.realtime.people import device, handshake, key_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rows", "valkey")]


class Server:
    """An ASGI server that takes what it is sent only while it is `ready`."""

    def __init__(self, cookie: str, after: str) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.gone = asyncio.Event()
        self.status, self.body, self.is_whole = 0, b"", False
        self.got_some = asyncio.Event()
        headers = [pair for pair in handshake(cookie) if pair[0] != b"origin"]
        query = f"after={after}".encode()
        self.scope = {"type": "http", "method": "GET", "headers": headers, "query_string": query}

    def start(self) -> "asyncio.Task[None]":
        return asyncio.create_task(sse.server_sent_events(self.scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.ready.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message["body"]
            self.is_whole = not message.get("more_body", False)
        self.got_some.set()

    @property
    def frames(self) -> list[dict[str, Any]]:
        lines = self.body.decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.got_some.clear()
                await self.got_some.wait()

    async def has(self, kind: str) -> None:
        await self.until(lambda: [frame for frame in self.frames if frame["type"] == kind])


@pytest.fixture
async def server(ann: User) -> AsyncIterator[Server]:
    client, _ = await sync_to_async(device)(ann)
    yield Server(key_of(client), log.head(ann.pk))
    await grants().close()
    await hub().close()
    hub_module._hubs.clear()


def say(user: User, count: int, filling: str = "") -> None:
    for number in range(count):
        log.append(user.pk, json.dumps({"type": "news", "n": number, "filling": filling}).encode())


async def test_a_response_ends_once_a_window_was_sent(ann: User, server: Server) -> None:
    say(ann, WINDOW_FRAMES + 100)
    await asyncio.wait_for(server.start(), 10)
    assert server.status == 200
    assert server.is_whole
    numbers = [frame["n"] for frame in server.frames if frame["type"] == "news"]
    assert numbers == list(range(WINDOW_FRAMES))
    assert not sockets().by_id


async def test_a_client_that_reads_nothing_costs_a_window(ann: User, server: Server) -> None:
    response = server.start()
    await server.has("resumed")
    server.ready.clear()
    await asyncio.to_thread(say, ann, 400, "x" * 2000)
    async with asyncio.timeout(10):
        while sockets().by_id:  # it is let go before it has read anything
            await asyncio.sleep(0.01)
    server.ready.set()
    await asyncio.wait_for(response, 10)
    assert server.is_whole
    assert WINDOW_BYTES <= len(server.body) < WINDOW_BYTES * 1.1


async def test_a_response_ends_after_some_minutes(
    ann: User, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "LIFE", 0.2)
    await asyncio.wait_for(server.start(), 10)
    assert [frame["type"] for frame in server.frames] == ["welcome", "resumed"]
    assert server.body.startswith(b"retry: 2000\n\n")
    assert server.body.endswith(b"retry: 200\n\n")
    assert server.is_whole


async def test_a_heartbeat_says_where_the_client_is(ann: User, server: Server) -> None:
    response = server.start()
    await server.has("resumed")
    say(ann, 3)
    await server.until(lambda: len(server.frames) == 5)
    for line in list(sockets().by_id.values()):
        line.beat()
    await server.has("heartbeat")
    assert server.frames[-1] == {"type": "heartbeat", "id": log.head(ann.pk)}
    server.gone.set()
    await asyncio.wait_for(response, 10)
    assert not sockets().by_id


async def test_a_server_that_drains_is_unavailable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets(), "draining", True)
    await asyncio.wait_for(server.start(), 10)
    assert server.status == 503
    assert json.loads(server.body)["detail"] == "The server restarts."
