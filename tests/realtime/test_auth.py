"""Who a socket's session belongs to."""

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from realtime.auth import _identify

pytestmark = pytest.mark.django_db(transaction=True)


def session_of(user: User) -> tuple[Client, str]:
    client = Client()
    client.force_login(user)
    return client, client.cookies[configured.SESSION_COOKIE_NAME].value


def test_a_session_is_its_active_user_s(ann: User) -> None:
    _, key = session_of(ann)
    identity = _identify(key)
    assert identity
    assert (identity.user_id, identity.username) == (ann.pk, "ann")
    User.objects.update(is_active=False)
    assert _identify(key) is None
    assert _identify("") is None
    assert _identify("nonsense") is None


def test_a_socket_after_a_rotation_of_keys_signs_nobody_out(ann: User, settings: Settings) -> None:
    client, key = session_of(ann)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    for _ in range(2):
        assert _identify(key)
    assert client.get("/api/session").status_code == 200
