"""People: ann owns, bob is another user, a stranger is not signed in. And what they are told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User

from tests.stack import LiveStack, started

# Each person costs half a second of a core with the usual one.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="secret")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="secret")


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    """The log's server, empty."""
    with redis.Redis.from_url(settings.REALTIME_REDIS_URL) as client:
        client.flushall()
        yield client


@pytest.fixture
def events_of(valkey: redis.Redis) -> Callable[[User], list[dict[str, object]]]:
    """What a user's stream holds."""

    def read(user: User) -> list[dict[str, object]]:
        entries = valkey.xrange(f"rt:{{{user.pk}}}:stream")
        return [msgspec.json.decode(fields[b"e"]) for _, fields in entries]

    return read


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The whole product, running. For tests/live and tests/browser, which use no ORM."""
    yield from started(Path(tmp_path_factory.mktemp("live")) / "var")
