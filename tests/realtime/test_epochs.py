"""When a server's memory of a stream cannot be trusted, a new epoch begins. On servers that are
stopped, restarted from what they saved, demoted and promoted."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from realtime import log
from realtime.log import Position
from tests.realtime.tab import USER, say
from tests.stack import until
from tests.valkeys import PASSWORD, Valkey

OWN = [f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", "repl-diskless-sync-delay 0"]


@pytest.fixture
def server(tmp_path: Path, log_is_at: Callable[[str], None]) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "one", [*OWN, 'save ""'])
    log_is_at(f"redis://:{PASSWORD}@{server.place}/0")
    yield server
    server.end()


@pytest.fixture
def replica(tmp_path: Path, server: Valkey) -> Iterator[Valkey]:
    replica = Valkey(tmp_path / "two", [*OWN, 'save ""'])
    follow(replica, server)
    yield replica
    replica.end()


def follow(replica: Valkey, master: Valkey) -> None:
    replica.client.replicaof("127.0.0.1", master.port)
    until(lambda: replica.info("replication")["master_link_status"] == "up")


def head() -> Position:
    return Position.parse(log.head(USER))


def test_a_restart_from_an_old_dump_begins_a_new_epoch(server: Valkey) -> None:
    """Otherwise the next event would get the offset of one that the dump has not."""
    say(1)
    server.client.save()
    before = Position.parse(say(2)[0])
    server.kill()
    server.start()
    assert server.client.xlen(f"rt:{{{USER}}}:stream") == 1
    after = head()
    assert after.epoch != before.epoch
    assert after.offset == 0
    assert server.client.xlen(f"rt:{{{USER}}}:stream") == 0
    assert Position.parse(say(3)[0]) == Position(after.epoch, 1)


def test_a_restart_from_a_full_append_only_file_does_too(
    tmp_path: Path, log_is_at: Callable[[str], None]
) -> None:
    """Nobody could know that it is full."""
    server = Valkey(tmp_path / "aof", [*OWN, "appendonly yes", "appendfsync always"])
    log_is_at(f"redis://:{PASSWORD}@{server.place}/0")
    before = Position.parse(say(1)[0])
    server.kill()
    server.start()
    assert server.client.xlen(f"rt:{{{USER}}}:stream") == 1
    assert head().epoch != before.epoch
    server.end()


def test_a_promoted_replica_begins_a_new_epoch(
    server: Valkey, replica: Valkey, log_is_at: Callable[[str], None]
) -> None:
    before = Position.parse(say(1)[0])
    until(lambda: replica.client.xlen(f"rt:{{{USER}}}:stream") == 1)
    replica.client.replicaof("NO", "ONE")
    log_is_at(f"redis://:{PASSWORD}@{replica.place}/0")
    assert head().epoch != before.epoch


def test_a_master_that_was_away_and_came_back_begins_a_new_epoch(
    server: Valkey, replica: Valkey
) -> None:
    """It has the same run id, but not what it had: it took over what the other knew."""
    say(1)
    until(lambda: replica.client.xlen(f"rt:{{{USER}}}:stream") == 1)
    replica.client.replicaof("NO", "ONE")
    lost = Position.parse(say(2)[0])
    run_id = server.info("server")["run_id"]
    follow(server, replica)
    server.client.replicaof("NO", "ONE")
    assert server.info("server")["run_id"] == run_id
    assert server.client.xlen(f"rt:{{{USER}}}:stream") == 1
    [again] = say(3)
    assert Position.parse(again).epoch != lost.epoch


def test_a_master_without_changes_keeps_its_epoch(server: Valkey, replica: Valkey) -> None:
    """A replica that comes or goes is no reason."""
    before = Position.parse(say(1)[0])
    replica.kill()
    assert Position.parse(say(2)[0]) == Position(before.epoch, 2)


def test_a_master_that_has_lost_its_replicas_takes_nothing_if_told_so(server: Valkey) -> None:
    """What it took might be gone after a fail-over; so it waits in the outbox instead."""
    say(1)
    server.client.config_set("min-replicas-to-write", 1)
    with pytest.raises(redis.RedisError, match="NOREPLICAS"):
        say(2)
    server.client.config_set("min-replicas-to-write", 0)
    assert Position.parse(say(2)[0]).offset == 2
