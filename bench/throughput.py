"""Frames per second from one web process: 4 people × 50 sockets, a burst of 2,000 events.

`python -m bench.throughput`. Contenders take turns; the best of each counts. Ours runs with log,
outbox and acknowledgements, and its ids are checked to be contiguous.
"""

from bench.bars import at_least, at_most
from bench.load import Client, Contender, Person, event, world

PEOPLE, SOCKETS, EVENTS, ROUNDS = 4, 50, 500, 3


def burst(contender: Contender, people: list[Person]) -> dict[str, float]:
    client = Client(contender, contender.sockets(people, SOCKETS), expect=EVENTS)
    cpu = contender.process.cpu_times()
    contender.publish([(person, event(n)) for n in range(EVENTS) for person in people])
    result = client.result()
    spent = contender.process.cpu_times()
    result["cpu"] = spent.user + spent.system - cpu.user - cpu.system
    assert not result["broken"], f"{contender.name}: not contiguous"
    return result


def main() -> None:
    with world() as a_world:
        contenders = [
            a_world.ours(),
            a_world.ours("daphne"),
            a_world.ours("uvicorn"),
            a_world.node(),
            a_world.stock("pubsub"),
            a_world.stock("core"),
        ]
        people = a_world.people(PEOPLE)
        rates: dict[str, float] = {}
        lost: dict[str, float] = {}
        cpu: dict[str, float] = {}
        for _ in range(ROUNDS):
            for contender in contenders:
                result = burst(contender, people)
                rate = result["frames"] / result["seconds"]
                lost[contender.name] = max(lost.get(contender.name, 0), result["lost"])
                if rate > rates.get(contender.name, 0):
                    rates[contender.name] = rate
                    cpu[contender.name] = result["cpu"] / result["frames"] * 1e6
        total = PEOPLE * SOCKETS * EVENTS
        print(f"burst of {PEOPLE * EVENTS} events to {PEOPLE} × {SOCKETS} sockets, one process")
        for name, rate in rates.items():
            print(f"  {name:20} {rate:9,.0f} frames/s  {rate / rates['Node ws']:5.2f} × Node"
                  f"  {rate / rates['stock, pubsub']:5.1f} × stock pub/sub"
                  f"  {cpu[name]:6.1f} µs of its core a frame"
                  f"  lost {lost[name] / total:.1%}")  # fmt: skip
        best, on_stock = rates["ours, Daphne"], rates["ours, stock Daphne"]
        at_least("ours / Node, as we recommend it", best / rates["Node ws"], 1.0, " ×")
        at_least("ours / Node, on Daphne as it comes", on_stock / rates["Node ws"], 0.8, " ×")
        at_least("ours / stock consumer, pub/sub layer", best / rates["stock, pubsub"], 8, " ×")
        at_most("lost by ours", sum(n for name, n in lost.items() if name.startswith("ours")), 0)


if __name__ == "__main__":
    main()
