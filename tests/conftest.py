"""People: ann owns, bob is another user, a stranger is not signed in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from tests.stack import LiveStack, started


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="secret")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="secret")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The whole product, running. For tests/live and tests/browser, which use no ORM."""
    yield from started(Path(tmp_path_factory.mktemp("live")) / "var")
