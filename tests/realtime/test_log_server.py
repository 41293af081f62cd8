"""What `REALTIME_REDIS_URL` may say."""

import pytest

from realtime.log_server import Address


@pytest.mark.parametrize(
    ("url", "db"),
    [
        ("redis://localhost", 0),
        ("redis://:secret@localhost:6379/3", 3),
        ("rediss://localhost/0?db=2", 2),
        ("unix:///run/valkey.sock?db=4", 4),
    ],
)
def test_a_server_has_a_url_as_redis_py_knows_it(url: str, db: int) -> None:
    address = Address.parse(url)
    assert (address.kind, address.url, address.db) == ("server", url, db)


def test_a_master_is_named_by_its_sentinels() -> None:
    address = Address.parse("redis+sentinel://me:p%40ss@one:26379,[::1]:26380/events/2")
    assert address.hosts == (("one", 26379), ("::1", 26380))
    assert (address.kind, address.service, address.db) == ("sentinel", "events", 2)
    assert (address.username, address.password) == ("me", "p@ss")


def test_a_cluster_is_named_by_some_of_its_nodes() -> None:
    address = Address.parse("redis+cluster://one:7000,two:7000")
    assert address.hosts == (("one", 7000), ("two", 7000))
    assert (address.kind, address.db, address.password) == ("cluster", 0, None)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://one:26379", "which master"),
        ("redis+sentinel://one/events", "'one' is not host:port"),
        ("redis+cluster://one:port", "'one:port' is not host:port"),
        ("redis+cluster://one:7000/1", "has no databases"),
        ("http://localhost", "scheme"),
    ],
)
def test_a_url_of_nothing_is_refused_and_said_why(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Address.parse(url)
