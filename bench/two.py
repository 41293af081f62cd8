"""Two web processes behind nginx against one: `python -m bench.two`. Needs nginx, and root for CPU
quotas.

There are only two cores, and the client, nginx and Valkey need one of them. So each web process is
held to 15 % of the other by the kernel (cgroup quota, 10 ms periods): one then has 15 %, two have
30 %, and how much the rest needs of its own core is printed. What is asked is whether a second
process is worth its core, not how fast it is.

nginx sends a session's tabs to one process (`hash $cookie_sessionid`), as docs/scale.md says, and
the people are chosen so that each of two has the same number.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.bars import at_least
from bench.load import CLIENT_CORE, Client, Contender, Person, World, event, listens, world
from demo.stack import free_port
from tests.stack import until

PEOPLE, SOCKETS, EVENTS, ROUNDS = 40, 5, 100, 3
QUOTA = 0.15  # of a core, for each web process
PERIOD = 10_000  # microseconds
GROUPS = Path("/sys/fs/cgroup")

CONFIGURATION = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  upstream web {{ hash $cookie_sessionid consistent; {servers} }}
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 60s;
      add_header X-Upstream $upstream_addr;
    }}
  }}
}}
"""


@contextmanager
def quota(process: psutil.Process) -> Iterator[None]:
    """Hold a process to its part of a core, by a cgroup of either version."""
    is_old = (GROUPS / "cpu/cpu.cfs_quota_us").exists()
    root = GROUPS / "cpu" if is_old else GROUPS
    if not is_old:
        (root / "cgroup.subtree_control").write_text("+cpu")
    own = root / f"bench-two-{process.pid}"
    own.mkdir()
    most = round(QUOTA * PERIOD)
    if is_old:
        (own / "cpu.cfs_period_us").write_text(str(PERIOD))
        (own / "cpu.cfs_quota_us").write_text(str(most))
    else:
        (own / "cpu.max").write_text(f"{most} {PERIOD}")
    (own / "cgroup.procs").write_text(str(process.pid))
    try:
        yield
    finally:
        (root / "cgroup.procs").write_text(str(process.pid))
        own.rmdir()


@contextmanager
def nginx(folder: Path, webs: list[Contender]) -> Iterator[int]:
    """Its port."""
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{web.port};" for web in webs)
    path = folder / "nginx.conf"
    path.write_text(CONFIGURATION.format(folder=folder, servers=servers, port=port))
    process = subprocess.Popen(["nginx", "-c", str(path)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: listens(port))
        for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children()):
            each.cpu_affinity(CLIENT_CORE)
        yield port
    finally:
        process.terminate()
        process.wait()


def evenly(people: list[Person], port: int, webs: list[Contender]) -> list[Person]:
    """As many of each process, of those that nginx sends to each."""
    of: dict[str, list[Person]] = {f"127.0.0.1:{web.port}": [] for web in webs}
    for person in people:
        cookies = {"sessionid": person.cookie}
        answer = httpx.get(f"http://127.0.0.1:{port}/healthz", cookies=cookies, timeout=30)
        answer.raise_for_status()
        of[answer.headers["X-Upstream"]].append(person)
    share = PEOPLE // len(webs)
    assert all(len(own) >= share for own in of.values()), "too few people"
    return [person for own in of.values() for person in own[:share]]


def burst(a_world: World, webs: list[Contender], people: list[Person]) -> tuple[float, float]:
    """Frames a second, and how busy the core of the others was."""
    with nginx(a_world.stack.folder, webs) as port:
        chosen = evenly(people, port, webs)
        through = Contender("", port, webs[0].process, webs[0].publish, webs[0].origin)
        client = Client(through, through.sockets(chosen, SOCKETS), expect=EVENTS)
        before = psutil.cpu_times(percpu=True)[CLIENT_CORE[0]]
        webs[0].publish([(person, event(n)) for n in range(EVENTS) for person in chosen])
        result = client.result()
        after = psutil.cpu_times(percpu=True)[CLIENT_CORE[0]]
    assert not result["lost"]
    assert not result["broken"]
    idle, whole = after.idle - before.idle, sum(after) - sum(before)
    return result["frames"] / result["seconds"], 1 - idle / whole


def report(a_world: World) -> None:
    people = a_world.people(3 * PEOPLE)
    webs = [a_world.ours(), a_world.ours()]
    best = {1: (0.0, 0.0), 2: (0.0, 0.0)}
    with quota(webs[0].process), quota(webs[1].process):
        for _ in range(ROUNDS):
            for count in best:
                best[count] = max(best[count], burst(a_world, webs[:count], people))
    print(f"{PEOPLE} people × {SOCKETS} sockets behind nginx, a burst of {PEOPLE * EVENTS} events; "
          f"each web process has {QUOTA:.0%} of a core")  # fmt: skip
    for count, (rate, busy) in best.items():
        print(f"  {count} web process(es)  {rate:9,.0f} frames/s; the other core {busy:.0%} busy")
    at_least("two against one", best[2][0] / best[1][0], 1.7, " ×")


def main() -> None:
    if not shutil.which("nginx"):
        sys.exit("Skipped: this needs nginx (Debian: apt-get install nginx).")
    if os.geteuid() or not os.access(GROUPS, os.W_OK):
        sys.exit("Skipped: this needs root and a writable /sys/fs/cgroup, for CPU quotas.")
    with world() as a_world:
        report(a_world)


if __name__ == "__main__":
    main()
