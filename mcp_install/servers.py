"""A person's installed servers: what may be done to each, and the runs that do it."""

import json
from typing import Any

from django.db import transaction

from mcp_install import catalogue, credentials, installs, seal
from mcp_install.inputs import Values, wanted
from mcp_install.models import Action, CatalogServer, Installation, McpServer, State
from mcp_install.packages import choose
from mcp_install.troubles import Trouble
from realtime import jobs
from realtime.models import ACTIVE

INSTALLED = (State.READY, State.BROKEN)


def tool_of(server: McpServer, name: str) -> dict[str, Any]:
    """Raises Trouble."""
    _check_installed(server)
    for tool in server.tools:
        if tool["name"] == name:
            found: dict[str, Any] = tool
            return found
    raise Trouble("no_such_tool", name[:100])


def _check_installed(server: McpServer) -> None:
    if server.state not in INSTALLED or server.active is None:
        raise Trouble("not_installed", server.title or server.name)


# --- Runs ---------------------------------------------------------------------------------------
def begin(server: McpServer, action: Action) -> Installation:
    """Queue a check, a rollback or an uninstallation. Raises Trouble."""
    with transaction.atomic():
        server = McpServer.objects.select_for_update(of=("self",)).get(pk=server.pk)
        _check_installed(server)
        _check_free(server)
        if credentials.are_needed(server.host):
            raise Trouble("credentials_needed", server.host.name)
        if action == Action.ROLLBACK and server.previous is None:
            raise Trouble("nothing_before", server.title or server.name)
        build = server.previous if action == Action.ROLLBACK else server.active
        run = Installation(owner_id=server.owner_id, server=server, action=action)
        if build:
            run.version, run.build = build.version, build.build
        run.job = jobs.create(server.owner, installs.KIND, run.pk)
        run.save(force_insert=True)
        jobs.announce(run.job)
    return run


def forget(server: McpServer) -> None:
    """Have it removed here, whatever is on the host. Raises Trouble."""
    with transaction.atomic():
        server = McpServer.objects.select_for_update(of=("self",)).get(pk=server.pk)
        _check_free(server)
        removed(server)


def removed(server: McpServer) -> None:
    """The row of a server that is not there any more."""
    fields: dict[str, Any] = {"state": State.REMOVED, "active": None, "previous": None}
    McpServer.objects.filter(pk=server.pk).update(error_code="", tools=[], **fields)


def _check_free(server: McpServer) -> None:
    if server.installations.filter(job__status__in=ACTIVE).exists():
        raise Trouble("busy", f"{server.directory}/{server.slug}")


def upgrade(
    server: McpServer, version: str, arguments: Values | None, environment: Values | None
) -> installs.Planned:
    """The plan of another version, or of other inputs; those that are not given are as they were.
    Raises Trouble."""
    _check_installed(server)
    try:
        entry = catalogue.find(server.owner, server.name, version)
    except CatalogServer.DoesNotExist:
        raise Trouble("not_in_catalogue", server.name) from None
    given = _inputs(server, entry)
    return installs.planned(
        server.host,
        entry,
        server.directory,
        version=version or entry.version,
        arguments=given["arguments"] if arguments is None else arguments,
        environment=given["environment"] if environment is None else environment,
    )


def _inputs(server: McpServer, entry: CatalogServer) -> dict[str, dict[str, Any]]:
    """What was given for the build in use, without arguments that there are no more."""
    try:
        kept = seal.take(server.active, "inputs").get_secret_value() if server.active else ""
    except seal.CannotOpen:
        raise Trouble("secrets_lost", server.title or server.name) from None
    given: dict[str, dict[str, Any]] = json.loads(kept or '{"arguments": {}, "environment": {}}')
    known = {one.key for one in wanted(choose(catalogue.server_of(entry))[0])}
    given["arguments"] = {key: it for key, it in given["arguments"].items() if key in known}
    return given
