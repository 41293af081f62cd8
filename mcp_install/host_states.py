"""Hosts and their folders as JSON. What lets in goes in, and never comes out."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, SecretStr

from mcp_install import credentials, host_keys
from mcp_install.models import SshHost
from mcp_install.trouble_kinds import KINDS
from realtime.problems import CamelSchema
from realtime.text import Text

Given = Annotated[SecretStr, Field(json_schema_extra={"writeOnly": True})]


# --- Hosts --------------------------------------------------------------------------------------
class AuthBody(CamelSchema):
    """One of: `password`; `privateKey`, with its `passphrase` if it is locked; `ask`."""

    password: Given | None = None
    private_key: Given | None = None
    passphrase: Given | None = None
    ask: bool = False


class NewHost(CamelSchema):
    """`jumpHostId`: another host of mine, through which this one is reached."""

    name: Text
    hostname: Text
    port: int = 22
    username: Text
    auth: AuthBody
    jump_host_id: uuid.UUID | None = None


class HostChange(CamelSchema):
    """What is left out stays."""

    name: Text | None = None
    hostname: Text | None = None
    port: int | None = None
    username: Text | None = None
    auth: AuthBody | None = None
    jump_host_id: uuid.UUID | None = None


class TestBody(CamelSchema):
    """For a host that asks each time: what lets in, for the next ten minutes."""

    __test__ = False  # no test of pytest's

    auth: AuthBody | None = None


class TrustBody(CamelSchema):
    """`password` is my own here; it is needed when the host had another key before."""

    fingerprint: Text
    password: Given | None = None


class Program(CamelSchema):
    version: str
    path: str


class HostFacts(CamelSchema):
    """`freeMb` is of the home, in megabytes."""

    system: str
    arch: str
    name: str
    user: str
    home: str
    shell: str
    free_mb: int | None
    is_root: bool
    has_venv: bool
    python: Program | None
    uv: Program | None
    node: Program | None
    npm: Program | None
    docker: Program | None
    git: Program | None


class HostTrouble(CamelSchema):
    code: str
    message: str


class HostState(CamelSchema):
    """`status`: NEW (test it), UNCONFIRMED (compare its fingerprint), KEY_CHANGED, UNTESTED, READY
    or FAILING. The offered key is the one that waits to be confirmed; `compareWith` prints its
    fingerprint on the host itself."""

    host_id: uuid.UUID
    name: str
    hostname: str
    port: int
    username: str
    auth_method: str
    needs_auth: bool
    jump_host_id: uuid.UUID | None
    status: str
    trusted: bool
    fingerprint: str | None
    key_type: str | None
    offered_fingerprint: str | None
    offered_key_type: str | None
    compare_with: str | None
    latency_ms: int | None
    facts: HostFacts | None
    error: HostTrouble | None
    checked_at: datetime | None
    created_at: datetime


class HostPage(CamelSchema):
    hosts: list[HostState]
    next: str | None


class Tested(CamelSchema):
    """`fingerprint` is that of the key that is confirmed, or waits to be. `latencyMs`: until it
    showed its key, or let me in."""

    fingerprint: str
    key_type: str
    trusted: bool
    compare_with: str
    latency_ms: int
    facts: HostFacts | None
    host: HostState


def host_state(host: SshHost) -> dict[str, Any]:
    confirmed, offered = host.host_key, host.offered_key
    error = KINDS.get(host.error_code)
    return {
        "host_id": host.pk,
        "name": host.name,
        "hostname": host.hostname,
        "port": host.port,
        "username": host.username,
        "auth_method": host.auth_method,
        "needs_auth": credentials.are_needed(host),
        "jump_host_id": host.jump_id,
        "status": _status(host),
        "trusted": host.is_trusted,
        "fingerprint": host_keys.fingerprint(confirmed) if confirmed else None,
        "key_type": host_keys.kind(confirmed) if confirmed else None,
        "offered_fingerprint": host_keys.fingerprint(offered) if offered else None,
        "offered_key_type": host_keys.kind(offered) if offered else None,
        "compare_with": host_keys.how_to_compare(offered) if offered else None,
        "latency_ms": host.latency_ms,
        "facts": host.facts or None,
        "error": {"code": host.error_code, "message": f"{error.words}. {error.advice}".strip()}
        if error
        else None,
        "checked_at": host.checked_at,
        "created_at": host.created_at,
    }


def _status(host: SshHost) -> str:
    if not host.is_trusted:
        return "UNCONFIRMED" if host.offered_key else "FAILING" if host.error_code else "NEW"
    if host.offered_key:
        return "KEY_CHANGED"
    if host.error_code:
        return "FAILING"
    return "READY" if host.facts else "UNTESTED"


def tested(host: SshHost, latency_ms: int) -> dict[str, Any]:
    key = host.offered_key or host.host_key
    return {
        "fingerprint": host_keys.fingerprint(key),
        "key_type": host_keys.kind(key),
        "trusted": host.is_trusted,
        "compare_with": host_keys.how_to_compare(key),
        "latency_ms": latency_ms,
        "facts": host.facts or None,
        "host": host_state(host),
    }


# --- Folders ------------------------------------------------------------------------------------
class Place(CamelSchema):
    """`path` is null where it is not UTF-8, or holds control characters: no server can be put
    there, but `token` leads there all the same."""

    name: str
    token: str
    path: str | None


class Entry(Place):
    """`kind`: folder, file, other, or broken for a link that leads nowhere. `size` in bytes."""

    kind: str
    is_link: bool
    is_hidden: bool
    size: int | None
    modified_at: datetime | None


class Folder(Place):
    """`crumbs`: from / to the folder itself. `next` is the `after` of the following page."""

    parent: str | None
    crumbs: list[Place]
    entries: list[Entry]
    next: int | None
    free_mb: int | None


class NewFolder(CamelSchema):
    """A `path`; or a `name`, in the folder of `path` or `token`."""

    path: Text = ""
    token: str = ""
    name: Text = ""
