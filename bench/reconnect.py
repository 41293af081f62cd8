"""The web process is killed under 2,000 sockets and started again: `python -m bench.reconnect`.

Every tab runs the page's own `socket.js`, with its back-off and jitter. Events go on meanwhile: ten
a second to each person. All tabs must be back, and have had every event once and in order.
"""

import time

from bench.bars import at_most
from bench.load import Client, World, event, listens, world

PEOPLE, EACH = 40, 50
RATE = 10  # events a second to each person
BEFORE, AFTER = 2.0, 15.0  # seconds of publishing before the kill, and after it


def report(a_world: World) -> None:
    people = a_world.people(PEOPLE)
    web = a_world.ours()
    client = Client(web, web.sockets(people, EACH), script="reconnect_client.js")
    began, killed, listening, count = time.time(), 0.0, 0.0, 0
    while time.time() < began + BEFORE + AFTER:
        count += 1
        web.publish([(person, event(count)) for person in people])
        time.sleep(max(0.0, began + count / RATE - time.time()))
        if not killed and time.time() > began + BEFORE:
            a_world.restart(web)
            killed = time.time()
        elif killed and not listening and listens(web.port):
            listening = time.time()
    result = client.ask({"last": count})
    back = result["opened"] / 1000 - killed
    print(f"{PEOPLE * EACH:,} sockets, the web process killed; {RATE} events/s to each person")
    print(f"  it listened again after {listening - killed:.1f} s, the last tab was back after "
          f"{back:.1f} s; {result['attempts']:,} attempts")  # fmt: skip
    print(f"  {count} events to each: {result['lost']} lost, {result['doubled']} doubled, "
          f"{result['resyncs']} tabs had to fetch their page again")  # fmt: skip
    at_most("all back and resumed", back, 15, " s")
    at_most(
        "lost, doubled or not resumed", sum(result[w] for w in ("lost", "doubled", "resyncs")), 0
    )


if __name__ == "__main__":
    with world() as a_world:
        report(a_world)
