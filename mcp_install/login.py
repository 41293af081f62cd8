"""Everything that is needed to sign in to a host, taken out of its row for a worker."""

import uuid
from dataclasses import dataclass

from pydantic import SecretStr

from mcp_install import credentials
from mcp_install.models import SshHost


@dataclass(frozen=True)
class Login:
    """`host_key` is empty while none is confirmed; one of the two secrets is empty, or both where
    nobody is to sign in."""

    host_id: uuid.UUID
    name: str
    hostname: str
    port: int
    username: str
    host_key: str
    password: SecretStr
    private_key: SecretStr
    jump: "Login | None" = None


def login_of(host: SshHost, *, signs_in: bool = True) -> Login:
    """How to get into the host, by its jump host if it has one. Raises Trouble.

    Without `signs_in` only its key can be looked at; the jump host is signed in to all the same.
    """
    given = credentials.of(host) if signs_in else credentials.Given()
    return Login(
        host_id=host.pk,
        name=host.name,
        hostname=host.hostname,
        port=host.port,
        username=host.username,
        host_key=host.host_key,
        password=given.password,
        private_key=given.private_key,
        jump=login_of(host.jump) if host.jump else None,
    )
