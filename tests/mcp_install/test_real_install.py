"""Servers from their registries, installed and asked, on a real SSH server."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from mcp_install.look import look
from mcp_install.models import SshHost
from mcp_install.tasks import install
from realtime import background
from tests.mcp_install.hosts import begun, host_at
from tests.mcp_install.remote_uv import write
from tests.sshd import Account, Sshd, account


@pytest.fixture(scope="module")
def anybody() -> Iterator[Account]:
    """Trusts whom this machine trusts."""
    with account() as made:
        if trusted := os.environ.get("NODE_EXTRA_CA_CERTS"):
            write(made, ".npmrc", f"cafile={trusted}")
        yield made


@pytest.fixture
def host(transactional_db: None, ann: User, sshd: Sshd, anybody: Account) -> SshHost:
    made = host_at(ann, sshd, anybody)
    assert "found" in background.run(look(str(made.pk), "test", {}))
    made.refresh_from_db()
    return made


@pytest.mark.parametrize(
    ("server", "tool", "needs"),
    [("time", "get_current_time", "has_venv"), ("everything", "echo", "npm")],
)
@pytest.mark.timeout(400)
def test_a_server_of_a_registry_is_installed(
    ann: User, host: SshHost, anybody: Account, server: str, tool: str, needs: str
) -> None:
    assert host.facts["uv"] or host.facts[needs], "see `make test-tools`"
    run = begun(ann, host, server)
    install(str(run.job_id))
    run.refresh_from_db()
    assert run.job.status == "DONE", run.job.error
    run.server.refresh_from_db()
    assert (run.server.state, run.server.active) == ("READY", run)
    assert tool in [one["name"] for one in run.server.tools]
    assert run.server.protocol_version
    assert anybody.run(f"readlink ~/mcp/{run.server.slug}/current") == f"versions/{run.build}\n"
    assert set(run.job.timings) == {"CONNECTING", "PREPARING", "EXECUTING", "VERIFYING"}
