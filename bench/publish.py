"""What it costs a worker to say something to a person: `python -m bench.publish`.

Append and announce, on a connection that the thread keeps; beside it what the Channels
documentation has a worker do, `async_to_sync(group_send)`. In a process of its own, as a worker is;
the connections that the server accepted meanwhile are counted.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import psutil

from bench.bars import at_most
from bench.load import SERVER_CORE, World, world
from tests.stack import ROOT

CALLS, PEER_CALLS, ROUNDS = 2000, 200, 7


def mean(call: Callable[[], object], count: int) -> float:
    """Microseconds."""
    for _ in range(count // 10):
        call()
    began = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - began) / count * 1e6


def worker() -> None:
    """One or the other, as each line of stdin says."""
    import django

    django.setup()
    from asgiref.sync import async_to_sync
    from channels.layers import get_channel_layer

    from realtime import log

    layer = get_channel_layer()
    payload = json.dumps({"type": "bench", "content": "x" * 100}).encode()
    event = {"type": "event", "event": json.loads(payload)}
    for line in sys.stdin:
        if line.strip() == "ours":
            took = mean(lambda: log.append(1, payload), CALLS)
        else:
            took = mean(lambda: async_to_sync(layer.group_send)("user-1", event), PEER_CALLS)
        print(took, flush=True)


def ask(a_world: World, process: Any, whom: str) -> tuple[float, int]:
    """Microseconds a call, and connections made meanwhile."""
    before = a_world.valkey.info("stats")["total_connections_received"]
    process.stdin.write(f"{whom}\n")
    process.stdin.flush()
    took = float(process.stdout.readline())
    return took, a_world.valkey.info("stats")["total_connections_received"] - before


def report(a_world: World) -> None:
    command = [sys.executable, "-m", "bench.publish", "worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        psutil.Process(process.pid).cpu_affinity(SERVER_CORE)
        ask(a_world, process, "ours")
        ours = [ask(a_world, process, "ours") for _ in range(ROUNDS)]
        peers = [ask(a_world, process, "peer") for _ in range(ROUNDS)]
    took, made = median(took for took, _ in ours), sum(made for _, made in ours)
    peer, made_by_peer = median(took for took, _ in peers), sum(made for _, made in peers)
    print(f"saying something from a worker: mean of {CALLS} calls, median of {ROUNDS} rounds")
    print(f"  append and announce         {took:7.0f} µs  {made} new connections")
    print(f"  async_to_sync(group_send)   {peer:7.0f} µs  {made_by_peer} new connections")
    print(f"  ratio {took / peer:.3f}")
    at_most("append and announce", took / 1000, 0.2, " ms")
    at_most("new connections", made, 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        worker()
    else:
        with world() as a_world:
            report(a_world)
