"""Publish-to-socket delay: 300 publishes a second, each to the 5 sockets of one person.

`python -m bench.latency`. 200 sockets are open on ours and on the Node peer; then 3,000 on ours.
"""

import time

from bench.bars import at_most
from bench.load import Client, Contender, Person, World, event, world

RATE, EACH, SECONDS = 300, 5, 10


def delays(contender: Contender, people: list[Person], sockets: int) -> dict[str, float]:
    """Milliseconds. The five sockets of the first person listen; the others are open."""
    first, others = people[0], people[1:]
    per_person = (sockets - EACH) // len(others)
    idle = Client(contender, contender.sockets(others, per_person), expect=1)
    client = Client(
        contender, contender.sockets([first], EACH), expect=RATE * SECONDS, latency=True
    )
    began = time.perf_counter()
    for number in range(RATE * SECONDS):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        contender.publish([(first, event(number))])
    result = client.result()
    assert not result["lost"], contender.name
    idle.kill()
    return result


def report(a_world: World) -> None:
    people = a_world.people(60)
    ours, node = a_world.ours(), a_world.node()
    print(f"publish to socket, {RATE}/s × {EACH} sockets")
    best: dict[str, float] = {}
    for contender, sockets in [(ours, 200), (node, 200)] * 4 + [(ours, 3000)] * 2:
        result = delays(contender, people, sockets)
        name = f"{contender.name}, {sockets:,} open"
        best[name] = min(best.get(name, 1e9), result["p99"])
        print(f"  {name:26} p50 {result['p50']:6.2f} ms  p99 {result['p99']:6.2f} ms"
              f"  slowest {result['slowest']:7.2f} ms")  # fmt: skip
    ratio = best["ours, Daphne, 200 open"] / best["Node ws, 200 open"]
    at_most("p99 with 200 open, ours / Node, the best run of each", ratio, 1.0, " ×")
    at_most("p99 with 3,000 open", best["ours, Daphne, 3,000 open"], 10, " ms")


if __name__ == "__main__":
    with world() as a_world:
        report(a_world)
