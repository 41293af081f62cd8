"""Conversations with a model server that does as it is told."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.model_server import KEY, ModelServer, running

RATE = 2_000.0  # tokens a second


@pytest.fixture
def model(settings: Settings) -> Iterator[ModelServer]:
    """The server of the models `small`, which is the default, and `large`."""
    with running(RATE) as server:
        settings.LLM_BASE_URL, settings.LLM_API_KEY = server.url, KEY
        settings.LLM_MODELS = ["small", "large"]
        yield server
