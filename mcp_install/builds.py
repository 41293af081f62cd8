"""A build of a server, as its rows tell of it: what starts it, where, and how it speaks."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from pydantic import SecretStr

from mcp_install import seal
from mcp_install.handshake import Spoken
from mcp_install.launch import Launch
from mcp_install.login import Login, login_of
from mcp_install.models import Installation, McpServer, State
from mcp_install.plan import Plan
from mcp_install.troubles import Trouble

Mark = tuple[Any, ...]
_OF_A_HOST = ("hostname", "port", "username", "host_key", "private_key", "password", "jump_id")
_WATCHED = [
    f"{host}__{field}"
    for host in ("host", "host__jump", "host__jump__jump")
    for field in _OF_A_HOST
]


@dataclass(frozen=True)
class Start:
    """All that is needed to start the build in use."""

    login: Login
    launch: Launch
    spoken: Spoken


def secrets_of(build: Installation) -> dict[str, SecretStr]:
    """By the names that its plan refers to. Raises Trouble."""
    try:
        plain = seal.take(build, "secrets").get_secret_value()
    except seal.CannotOpen:
        raise Trouble("secrets_lost", build.server.title or build.server.name) from None
    return {name: SecretStr(value) for name, value in json.loads(plain or "{}").items()}


def launch_of(build: Installation, run: Any = None) -> Launch:
    """What starts the build, for a run, or for itself. Raises Trouble."""
    if not build.launch:
        raise Trouble("not_installed", build.version)
    plan, program = Plan.of_json(build.plan), build.launch[0]
    marks = {"server": build.server_id, "run": run or build.pk}
    return Launch.of(plan, program, secrets_of(build), **marks)


def spoken_of(server: McpServer) -> Spoken:
    return Spoken(server.era, server.protocol_version, server.discovery)


def mark_of(server_id: uuid.UUID, owner_id: int) -> Mark:
    """What its start depends on: while that is equal, what was started with it is still right. It
    is asked before each call, so it is one query. Raises Trouble unless it is installed, and that
    person's."""
    mark = _installed(server_id, owner_id).values_list("active_id", *_WATCHED).first()
    if mark is None:
        raise Trouble("not_installed")
    return tuple(bytes(one) if isinstance(one, memoryview) else one for one in mark)


def start_of(server_id: uuid.UUID, owner_id: int) -> Start:
    """Raises Trouble unless it is installed, and that person's."""
    rows = _installed(server_id, owner_id).select_related("host__jump__jump", "active__server")
    server = rows.first()
    if server is None or server.active is None:
        raise Trouble("not_installed")
    return Start(login_of(server.host), launch_of(server.active), spoken_of(server))


def _installed(server_id: uuid.UUID, owner_id: int) -> QuerySet[McpServer]:
    return McpServer.objects.filter(
        pk=server_id,
        owner=owner_id,
        state__in=(State.READY, State.BROKEN),
        active__isnull=False,
    )
