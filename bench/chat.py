"""What our path adds to a reply: `python -m bench.chat`.

A model server writes 50 tokens a second to each of 50 replies at once. Directly: the official
client in one process. Ours: POST, worker, log, socket; 10 people with 5 conversations each, one tab
a person. Replies begin one after the other, 10 a second, in both.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from openai import AsyncOpenAI
from websockets.asyncio.client import connect

from tests.stack import PASSWORD, LiveStack

REPLIES, PEOPLE, TOKENS, BEGIN_RATE = 50, 10, 600, 10.0
PROMPT = f"Count to {TOKENS}"
TEXT = "".join(f"{n} " for n in range(1, TOKENS + 1))
ALLOWED_MS, ALLOWED_RATE, STALL_MS = 60, 0.95, 500


@dataclass
class Reply:
    """When its pieces came, in seconds of the performance clock."""

    asked: float = 0.0
    text: str = ""
    times: list[float] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def came(self, piece: str) -> None:
        self.text += piece
        self.times.append(time.perf_counter())

    @property
    def first_ms(self) -> float:
        return (self.times[0] - self.asked) * 1000

    @property
    def rate(self) -> float:
        return TOKENS / (self.times[-1] - self.times[0])

    @property
    def longest_gap_ms(self) -> float:
        return max(b - a for a, b in zip(self.times, self.times[1:], strict=False)) * 1000


async def directly(url: str) -> list[Reply]:
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def one(reply: Reply, place: int) -> None:
            await asyncio.sleep(place / BEGIN_RATE)
            reply.asked = time.perf_counter()
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": PROMPT}], stream=True
            )
            async for event in stream:
                if event.choices and (piece := event.choices[0].delta.content):
                    reply.came(piece)

        replies = [Reply() for _ in range(REPLIES)]
        await asyncio.gather(*(one(reply, place) for place, reply in enumerate(replies)))
        return replies


class Person:
    """One tab, and the replies that come to it."""

    def __init__(self, stack: LiveStack, username: str) -> None:
        credentials = {"username": username, "password": PASSWORD}
        answer = httpx.post(f"{stack.url}/api/session", json=credentials).raise_for_status()
        headers = {"X-CSRFToken": answer.json()["csrfToken"]}
        self.http = httpx.AsyncClient(
            base_url=stack.url, cookies=answer.cookies, headers=headers, timeout=30
        )
        self.headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items()),
            "Origin": stack.url,
        }
        self.url = stack.url.replace("http", "ws") + "/ws"
        self.by_session: dict[str, Reply] = {}
        self.ready = asyncio.Event()

    async def listen(self) -> None:
        async with connect(self.url, additional_headers=self.headers, max_queue=None) as socket:
            await socket.recv()
            await socket.send('{"type":"resume","lastEventId":null}')
            self.ready.set()
            count = 0
            async for frame in socket:
                event: dict[str, Any] = json.loads(frame)
                if "id" in event and (count := count + 1) % 50 == 0:
                    await socket.send(json.dumps({"type": "ack", "id": event["id"]}))
                if event["type"] == "message_chunk":
                    reply = self.by_session[event["sessionId"]]
                    if event["content"]:
                        reply.came(event["content"])
                    if event["isComplete"]:
                        reply.done.set()
                assert event["type"] != "resync", event

    async def begin(self) -> str:
        answer = await self.http.post("/api/chat/sessions")
        return str(answer.raise_for_status().json()["sessionId"])

    async def ask(self, session: str, reply: Reply) -> None:
        self.by_session[session] = reply
        reply.asked = time.perf_counter()
        path = f"/api/chat/sessions/{session}/messages"
        (await self.http.post(path, json={"content": PROMPT})).raise_for_status()
        await reply.done.wait()


async def ours(stack: LiveStack) -> list[Reply]:
    people = [Person(stack, f"bench{n}") for n in range(PEOPLE)]
    listening = [asyncio.create_task(person.listen()) for person in people]
    await asyncio.gather(*(person.ready.wait() for person in people))
    sessions = [(people[n % PEOPLE], await people[n % PEOPLE].begin()) for n in range(REPLIES)]

    async def one(place: int, reply: Reply) -> None:
        await asyncio.sleep(place / BEGIN_RATE)
        person, session = sessions[place]
        await person.ask(session, reply)

    replies = [Reply() for _ in range(REPLIES)]
    work = asyncio.gather(*(one(place, reply) for place, reply in enumerate(replies)))
    done, _ = await asyncio.wait({work, *listening}, timeout=120, return_when="FIRST_COMPLETED")
    assert work in done, "not all replies ended"
    for task in listening:
        task.cancel()
    return replies


def told(name: str, replies: list[Reply]) -> tuple[float, float]:
    firsts = sorted(reply.first_ms for reply in replies)
    first, rate = statistics.median(firsts), statistics.median(r.rate for r in replies)
    whole = sum(reply.text == TEXT for reply in replies)
    print(
        f"  {name:10} first token p50 {first:6.1f} ms, p95 {firsts[int(REPLIES * 0.95)]:6.1f} ms;"
        f" {rate:5.1f} tokens/s; longest gap {max(r.longest_gap_ms for r in replies):5.0f} ms;"
        f" {whole} of {REPLIES} complete"
    )
    return first, rate


def main() -> None:
    model = subprocess.Popen(
        [sys.executable, "-m", "tests.model_server", "50"], stdout=subprocess.PIPE, text=True
    )
    assert model.stdout
    url = model.stdout.readline().strip()
    with tempfile.TemporaryDirectory() as folder:
        stack = LiveStack(Path(folder) / "var", LLM_BASE_URL=url, LLM_MODEL="m", LLM_API_KEY="none")
        try:
            users = "from django.contrib.auth.models import User\n" + "".join(
                f"User.objects.create_user('bench{n}', password={PASSWORD!r})\n"
                for n in range(PEOPLE)
            )
            stack.manage("shell", "--no-imports", "--command", users).check_returncode()
            compare(stack, url)
        finally:
            stack.stop()
            model.terminate()


def compare(stack: LiveStack, url: str) -> None:
    print(f"{REPLIES} replies at once of {TOKENS} tokens, on {os.cpu_count()} cores")
    asyncio.run(ours(stack))  # warm
    first, rate = told("directly", asyncio.run(directly(url)))
    replies = asyncio.run(ours(stack))
    our_first, our_rate = told("ours", replies)
    stall = max(reply.longest_gap_ms for reply in replies)
    print(
        f"  ours adds {our_first - first:.0f} ms to the first token (at most {ALLOWED_MS}),"
        f" {our_rate / rate:.3f} × the pace (at least {ALLOWED_RATE}),"
        f" stalls at most {stall:.0f} ms (at most {STALL_MS})"
    )


if __name__ == "__main__":
    main()
