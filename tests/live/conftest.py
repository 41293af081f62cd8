import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.live.other_web import OtherWeb
from tests.stack import LiveStack


@pytest.fixture
def ann(stack: LiveStack) -> Iterator[httpx.Client]:
    with stack.client("ann") as client:
        yield client


@pytest.fixture
def other(stack: LiveStack) -> Iterator[OtherWeb]:
    web = OtherWeb(stack)
    yield web
    if web.process.poll() is None:
        web.end(signal.SIGKILL)
