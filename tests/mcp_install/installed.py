"""Servers of ann's that are installed already: their rows, and what an installation puts there."""

import json
import shlex
import uuid
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from pydantic import SecretStr

from mcp_install import seal
from mcp_install.installs import KIND
from mcp_install.models import Action, AuthMethod, Installation, McpServer, SshHost, State
from mcp_install.plan import Plan
from realtime.models import Job, Status
from tests.mcp_install.programs import put
from tests.sshd import Account, Sshd

ADD = {
    "name": "add",
    "title": "",
    "description": "Add two numbers.",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}
STDIO = {"type": "stdio"}


def tool(name: str) -> dict[str, Any]:
    return ADD | {"name": name, "inputSchema": {"type": "object"}}


def host_of(owner: User, sshd: Sshd, me: Account, name: str = "box") -> SshHost:
    """A confirmed host."""
    key = " ".join((sshd.folder / "host_ed25519.pub").read_text().split()[:2])
    place: dict[str, Any] = {"hostname": "127.0.0.1", "port": sshd.port, "username": me.name}
    host = SshHost(owner=owner, name=name, auth_method=AuthMethod.KEY, host_key=key, **place)
    seal.put(host, "private_key", SecretStr(sshd.key))
    host.save()
    return host


def installed(
    owner: User, host: SshHost, me: Account, script: str, slug: str = "sums", **more: Any
) -> McpServer:
    """A server whose only build is this script; with the tools of our modern one in its row."""
    server = McpServer.objects.create(
        owner=owner,
        host=host,
        name=f"org.example/{slug}",
        title=slug.capitalize(),
        directory=f"{me.home}/mcp {uuid.uuid4().hex[:8]}",
        slug=slug,
    )
    server.active = built(server, me, script, **more)
    server.state, server.verified_at = State.READY, timezone.now()
    names = ("environment", "arguments", "slow", "big", "die", "fail")
    server.tools = [ADD, *map(tool, names)]
    server.save()
    return server


def built(
    server: McpServer,
    me: Account,
    script: str,
    version: str = "1.0",
    secrets: dict[str, str] | None = None,
    transport: dict[str, str] | None = None,
    arguments: tuple[dict[str, str], ...] = (),
) -> Installation:
    """A build of it, as an installation leaves it on the host and in its rows."""
    run = Installation(owner=server.owner, server=server, action=Action.INSTALL, version=version)
    run.build = f"{version}-{uuid.uuid4().hex[:8]}"
    root = f"{server.directory}/{server.slug}"
    folder = f"{root}/versions/{run.build}"
    program = put(me, f"{folder.removeprefix(f'{me.home}/')}/bin/serve", script)
    mark = shlex.quote(json.dumps({"server": server.name, "madeBy": "mcp_install"}))
    q = shlex.quote
    me.run(
        f"for place in {q(root)} {q(folder)}; do echo {mark} > $place/.mcp-install.json; done; "
        f"echo {q(run.build)} > {q(folder)}/.mcp-install.done; "
        f"ln -sfn versions/{q(run.build)} {q(root)}/current".replace("$place", '"$place"')
    )
    plan = Plan(
        server=server.name, title=server.title, version=version, kind="pypi-venv", package="sums",
        directory=server.directory, slug=server.slug, build=run.build, folder=folder,
        programs=f"{folder}/bin", program="serve", arguments=arguments, environment={},
        secret_environment=tuple(secrets or {}), transport=transport or STDIO, try_tool={},
        steps=(), warnings=(),
    )  # fmt: skip
    run.plan, run.launch = plan.as_json(), [program, *arguments]
    seal.put(run, "secrets", SecretStr(json.dumps(secrets or {})))
    given = {"arguments": {}, "environment": secrets or {}}
    seal.put(run, "inputs", SecretStr(json.dumps(given)))
    ended = {"status": Status.DONE, "finished_at": timezone.now(), "queued_at": timezone.now()}
    run.job = Job.objects.create(owner=server.owner, kind=KIND, subject=run.pk, **ended)
    run.save(force_insert=True)
    return run
