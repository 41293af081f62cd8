"""Where uploads go, and people at their pages."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def mine(ann: User) -> Client:
    return signed_in(ann)


@pytest.fixture
def bobs(bob: User) -> Client:
    return signed_in(bob)
