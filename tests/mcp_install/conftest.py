"""Hosts of ann's, in rows alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from pydantic import SecretStr

from mcp_install import seal
from mcp_install.models import AuthMethod, SshHost

HostOf = Callable[..., SshHost]


@pytest.fixture
def host_of() -> HostOf:
    """A host with a password, in its row alone."""

    def make(owner: User, name: str = "box", password: str = "open sesame", **more: Any) -> SshHost:
        fields = {"hostname": "192.0.2.7", "username": "me", "auth_method": AuthMethod.PASSWORD}
        host = SshHost(owner=owner, name=name, **(fields | more))
        seal.put(host, "password", SecretStr(password))
        host.save()
        return host

    return make
