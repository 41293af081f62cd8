"""Installations on a real SSH server."""

from django.contrib.auth.models import User

from mcp_install.models import McpServer
from mcp_install.tasks import install
from tests.mcp_install.hosts import begun, give_uv, host_at
from tests.sshd import Account, Sshd


def test_a_server_is_installed_and_has_spoken(
    transactional_db: None, ann: User, sshd: Sshd, someone: Account
) -> None:
    give_uv(someone)
    run = begun(ann, host_at(ann, sshd, someone))
    install(str(run.job_id))
    run.refresh_from_db()
    server = McpServer.objects.get()
    assert (run.job.status, server.state) == ("DONE", "READY")
