"""What is going to be installed where: the plan of a wish, and its run, once it is confirmed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction
from pydantic import SecretStr

from mcp_install import ask_worker, catalogue, credentials, limits, plan, seal
from mcp_install.directories import checked_directory
from mcp_install.facts import Facts
from mcp_install.inputs import Values
from mcp_install.models import Action, CatalogServer, Installation, McpServer, SshHost, State
from mcp_install.packages import slug_of
from mcp_install.plan import Inputs, Plan
from mcp_install.troubles import Trouble
from realtime import jobs
from realtime.models import ACTIVE

KIND = "mcp.install"


@dataclass(frozen=True)
class Planned:
    """A plan, what is secret in it, and what it does to the server that is there, if one is:
    where that is the same and ready, it is only checked."""

    host: SshHost
    entry: CatalogServer
    plan: Plan
    secrets: Mapping[str, SecretStr]
    action: Action
    server: McpServer | None
    inputs: Inputs


def known(host: SshHost) -> SshHost:
    """The host, tested: a plan depends on what it has. Raises Trouble."""
    if not host.is_trusted:
        raise Trouble("host_key_unknown", host.name)
    if not host.facts:
        limits.count(host.owner_id, "test")
        ask_worker.test(host)
        host.refresh_from_db()
    return host


def planned(
    host: SshHost,
    entry: CatalogServer,
    directory: str,
    *,
    version: str = "",
    arguments: Values | None = None,
    environment: Values | None = None,
) -> Planned:
    """From rows alone: nothing is sent anywhere. Raises Trouble."""
    if (trouble := catalogue.why_not(entry)) and not (version and trouble.code == "bad_version"):
        raise trouble
    facts = Facts.of_json(host.facts)
    server_json = catalogue.server_of(entry)
    where = checked_directory(directory, facts.home)
    slug = slug_of(server_json.name)
    rows = McpServer.objects.select_related("active")
    there = rows.filter(host=host, directory=where, slug=slug).first()
    inputs = Inputs(
        directory=where,
        build_id=_build_id(host, where, slug, there),
        version=version,
        arguments=arguments or {},
        environment=environment or {},
    )
    made, secrets = plan.build(server_json, inputs, facts)
    is_there = there is not None and there.state in (State.READY, State.BROKEN)
    action = Action.UPGRADE if is_there else Action.INSTALL
    if there and (same := _same(there, made, secrets)):
        made, action = Plan.of_json(same.plan).only_checked(), Action.VERIFY
    return Planned(host, entry, made, secrets, action, there, inputs)


def _same(there: McpServer, made: Plan, secrets: Mapping[str, SecretStr]) -> Installation | None:
    """The build in use, where it is what the plan would make, and answered when last looked at."""
    build = there.active
    if there.state != State.READY or build is None or not build.plan:
        return None
    try:
        kept = json.loads(seal.take(build, "secrets").get_secret_value() or "{}")
    except seal.CannotOpen:
        return None
    is_same = made.makes_the_same_as(Plan.of_json(build.plan)) and kept == _values(secrets)
    return build if is_same else None


def _values(secrets: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name: secret.get_secret_value() for name, secret in secrets.items()}


def _build_id(host: SshHost, directory: str, slug: str, there: McpServer | None) -> str:
    """The same until something was run there, so that what is confirmed is what is run; another one
    each time, so that no build is put over an older one."""
    number = there.installations.count() if there else 0
    return sha256(f"{host.pk}:{directory}:{slug}:{number}".encode()).hexdigest()[:8]


def begin(owner: User, wish: Planned, plan_hash: str = "") -> Installation:
    """Queue the run of a plan; with a hash, only if it is still that plan. Raises Trouble."""
    if plan_hash and plan_hash != wish.plan.hash:
        raise Trouble("plan_changed", plan_hash=wish.plan.hash)
    _check_credentials(wish.host)
    with transaction.atomic():
        server = _server(owner, wish)
        if server.installations.filter(job__status__in=ACTIVE).exists():
            raise Trouble("busy", f"{wish.plan.directory}/{wish.plan.slug}")
        if not _is_still_so(wish, server):
            raise Trouble("plan_changed")  # somebody was faster
        run = Installation(owner=owner, server=server, action=wish.action)
        run.version, run.build = wish.plan.version, wish.plan.build
        run.plan, run.plan_hash = wish.plan.as_json(), wish.plan.hash
        if wish.action != Action.VERIFY:
            _put_inputs(run, wish)
        run.job = jobs.create(owner, KIND, run.pk)
        run.save(force_insert=True)
        jobs.announce(run.job)
    return run


def _is_still_so(wish: Planned, server: McpServer) -> bool:
    if wish.action == Action.VERIFY:
        build = server.active.build if server.active else ""
        return server.state == State.READY and build == wish.plan.build
    build_id = _build_id(wish.host, server.directory, server.slug, server)
    return wish.plan.build == f"{wish.plan.version}-{build_id}"


def _put_inputs(run: Installation, wish: Planned) -> None:
    values = _values(wish.secrets)
    seal.put(run, "secrets", SecretStr(json.dumps(values) if values else ""))
    given = {"arguments": wish.inputs.arguments, "environment": wish.inputs.environment}
    seal.put(run, "inputs", SecretStr(json.dumps(given)))


def retry(run: Installation) -> None:
    """Queue a run that failed or was cancelled again. Raises Trouble."""
    _check_credentials(run.server.host)
    with transaction.atomic():
        server = McpServer.objects.select_for_update().get(pk=run.server_id)
        if server.installations.filter(job__status__in=ACTIVE).exists():
            raise Trouble("busy", f"{server.directory}/{server.slug}")
        if not jobs.retry(run.job):
            raise Trouble("not_again")


def _check_credentials(host: SshHost) -> None:
    """Raises Trouble when somebody has to give them first."""
    if credentials.are_needed(host):
        raise Trouble("credentials_needed", host.name)


def _server(owner: User, wish: Planned) -> McpServer:
    """The row of what is there, or is going to be, locked."""
    made = wish.plan
    place = {"host": wish.host, "directory": made.directory, "slug": made.slug}
    named = {"owner": owner, "name": made.server, "title": made.title, "catalog": wish.entry}
    McpServer.objects.get_or_create(**place, defaults=named)
    return McpServer.objects.select_for_update().get(**place)
