"""Memory of the web process: an idle socket, and a client that never reads.

`python -m bench.memory`. Idle: 3,000 authenticated sockets that have resumed. Deaf: 100 MB are
published to a person of whom one socket reads and another does not; the same without the deaf one
is subtracted, and the delay of the one that reads is compared.
"""

import time

from bench.bars import at_most
from bench.load import Client, Contender, Person, World, event, world

IDLE, PEOPLE = 3000, 60
EVENT_BYTES, MEGABYTES = 15_000, 100
KIB, MIB = 1024, 1024 * 1024


def idle(contender: Contender, people: list[Person]) -> float:
    """KiB a socket, after a first round that fills what a process keeps anyway."""
    Client(contender, contender.sockets(people, 5), expect=1).kill()
    time.sleep(2)
    before = contender.rss()
    client = Client(contender, contender.sockets(people, IDLE // len(people)), expect=1)
    time.sleep(2)
    used = (contender.rss() - before) / IDLE / KIB
    client.kill()
    return used


def deaf(contender: Contender, person: Person, *, with_deaf: bool) -> tuple[float, float]:
    """MiB that the process grew, and the p99 of the socket that reads, in ms."""
    count = MEGABYTES * 1000 * 1000 // EVENT_BYTES
    sockets = contender.sockets([person], 2 if with_deaf else 1)
    client = Client(contender, sockets, expect=count, latency=True, deaf=int(with_deaf))
    before = contender.rss()
    for number in range(count):
        contender.publish([(person, event(number, EVENT_BYTES))])
        time.sleep(0.004)
    result = client.result()
    return (contender.rss() - before) / MIB, result["p99"]


def report(a_world: World) -> None:
    people = a_world.people(PEOPLE)
    print(f"an idle socket, of {IDLE:,}")
    used = {}
    for contender in (a_world.ours(), a_world.node(), a_world.stock("pubsub")):
        used[contender.name] = idle(contender, people)
        print(f"  {contender.name:16} {used[contender.name]:6.1f} KiB")
    at_most("an idle socket of ours", used["ours, Daphne"], 30, " KiB")
    print(f"a client that never reads, {MEGABYTES} MB published to it")
    for contender in (a_world.ours(), a_world.node()):
        person = people[0]
        deaf(contender, person, with_deaf=False)
        alone, p99_alone = deaf(contender, person, with_deaf=False)
        both, p99 = deaf(contender, person, with_deaf=True)
        print(f"  {contender.name:16} grows {both - alone:7.2f} MiB for it;"
              f" p99 of the other {p99:.1f} ms, without it {p99_alone:.1f} ms")  # fmt: skip
        if contender.origin:
            at_most("what ours grows for it", both - alone, 1, " MiB")
            at_most("p99 of the other, with it / without it", p99 / p99_alone, 1.25, " ×")


if __name__ == "__main__":
    with world() as a_world:
        report(a_world)
