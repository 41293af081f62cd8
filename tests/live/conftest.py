from collections.abc import Iterator

import httpx
import pytest

from tests.stack import LiveStack


@pytest.fixture
def ann(stack: LiveStack) -> Iterator[httpx.Client]:
    with stack.client("ann") as client:
        yield client
