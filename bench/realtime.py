"""What it costs to say something, and how long it takes to arrive.

`python -m bench.realtime` starts the product, and beside it Daphne with the consumer that the
Channels documentation teaches, on the same Valkey. Both get the same events. Ratios are ours to
the peer's, in one run on one machine.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.stack import LiveStack, until

SOCKETS, RATE, EVENTS = 5, 300, 1500
PUBLISHES = 2000


def micros(call: Callable[[], object], count: int) -> float:
    """Microseconds per call, over `count` calls after a warm-up."""
    for _ in range(count // 10):
        call()
    began = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - began) / count * 1e6


def publish_cost() -> None:
    from asgiref.sync import async_to_sync
    from channels.layers import get_channel_layer

    from bench import stock
    from realtime import log

    payload = json.dumps({"type": "bench", "content": "x" * 100}).encode()
    layer = get_channel_layer()
    event = {"type": "event", "event": json.loads(payload)}
    ours = micros(lambda: log.append(0, payload), PUBLISHES)
    peer = micros(lambda: async_to_sync(layer.group_send)(stock.GROUP, event), PUBLISHES // 10)
    print(f"publish from a worker: append and announce {ours:.0f} µs; "
          f"async_to_sync(group_send) {peer:.0f} µs; ratio {ours / peer:.3f}")  # fmt: skip


async def arrivals(
    url: str, headers: dict[str, str], say: Callable[[bytes], object]
) -> list[float]:
    """Milliseconds from each publish to each socket."""
    from websockets.asyncio.client import connect

    delays: list[float] = []

    async def listen(ready: asyncio.Event) -> None:
        async with connect(url, additional_headers=headers, max_queue=None) as socket:
            if "Cookie" in headers:
                await socket.recv()
                await socket.send('{"type":"resume","lastEventId":null}')
                await socket.recv()
            ready.set()
            for number in range(EVENTS):
                event = json.loads(await socket.recv())
                delays.append((time.perf_counter() - event["sent"]) * 1000)
                if "id" in event and number % 50 == 49:
                    await socket.send(json.dumps({"type": "ack", "id": event["id"]}))

    ready = [asyncio.Event() for _ in range(SOCKETS)]
    listeners = [asyncio.create_task(listen(event)) for event in ready]
    await asyncio.gather(*(event.wait() for event in ready))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(pace, say)
    async with asyncio.timeout(30):
        await asyncio.gather(*listeners)
    return delays


def pace(say: Callable[[bytes], object]) -> None:
    began = time.perf_counter()
    for number in range(EVENTS):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        say(json.dumps({"type": "bench", "sent": time.perf_counter()}).encode())


def told(name: str, delays: list[float]) -> float:
    delays.sort()
    p50, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
    arrived = f"{len(delays)} of {EVENTS * SOCKETS} arrived"
    print(
        f"publish to socket, {RATE}/s to {SOCKETS} sockets, {name}: "
        f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, {arrived}"
    )
    return p50


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        stack = LiveStack(Path(folder) / "var")
        try:
            os.environ |= stack.running()["environment"] | {"DATA_DIR": str(stack.folder)}
            stack.make_users()
            compare(stack)
        finally:
            stack.stop()


def compare(stack: LiveStack) -> None:
    from bench import stock

    publish_cost()
    from channels.layers import get_channel_layer
    from django.conf import settings
    from redis import Redis

    from realtime import log

    with stack.client("ann") as client:
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        headers = {"Cookie": cookies, "Origin": stack.url}
        user_id = int(client.get("/api/session").json()["userId"])
        url = stack.url.replace("http", "ws") + "/ws"
        ours = told("ours", asyncio.run(arrivals(url, headers, lambda p: log.append(user_id, p))))
    port = stack.port + 1
    command = ["-m", "daphne", "-p", str(port), "--access-log", os.devnull]
    peer = subprocess.Popen(
        [sys.executable, *command, "bench.stock:application"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: listens(port))
        layer = get_channel_layer()
        redis = Redis.from_url(os.environ["REDIS_URL"])
        channel = f"{settings.REALTIME_PREFIX}__group__{stock.GROUP}"

        def say(payload: bytes) -> None:
            event = json.loads(payload)
            redis.publish(channel, layer.serialize({"type": "event", "event": event}))

        url = f"ws://localhost:{port}/"
        stock_p50 = told("stock consumer", asyncio.run(arrivals(url, {}, say)))
    finally:
        peer.terminate()
        peer.wait()
    print(f"ratio of the medians: {ours / stock_p50:.2f}")


def listens(port: int) -> bool:
    import socket

    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
