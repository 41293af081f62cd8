"""Hosts and their folders over HTTP. What lets in is taken, and never given back."""

import uuid
from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router

from mcp_install import ask_worker, hosts, limits
from mcp_install.ask_worker import PAGE
from mcp_install.host_states import (
    AuthBody,
    Folder,
    HostChange,
    HostPage,
    HostState,
    NewFolder,
    NewHost,
    Place,
    TestBody,
    Tested,
    TrustBody,
    host_state,
    tested,
)
from mcp_install.hosts import Auth, checked_auth
from mcp_install.models import SshHost
from realtime.paging import LIMIT, page

router = Router(tags=["mcp"])


def user_of(request: HttpRequest) -> User:
    return cast("User", request.auth)  # type: ignore[attr-defined]


def my_hosts(request: HttpRequest) -> QuerySet[SshHost]:
    return SshHost.objects.filter(owner=user_of(request))


def my_host(request: HttpRequest, host_id: uuid.UUID) -> SshHost:
    return get_object_or_404(my_hosts(request), pk=host_id)


def _auth(body: AuthBody) -> Auth:
    return checked_auth(body.password, body.private_key, body.passphrase, ask=body.ask)


def _jump(request: HttpRequest, host_id: uuid.UUID | None) -> dict[str, SshHost | None]:
    return {"jump": my_host(request, host_id) if host_id else None}


# --- Hosts --------------------------------------------------------------------------------------
@router.post("/hosts", response={201: HostState}, by_alias=True)
def post_host(request: HttpRequest, body: NewHost) -> tuple[int, dict[str, Any]]:
    """Add a host. Test it next: its key is shown, to be compared and confirmed."""
    fields = body.dict(include={"name", "hostname", "port", "username"})
    jump = _jump(request, body.jump_host_id)
    return 201, host_state(hosts.add(user_of(request), _auth(body.auth), **fields, **jump))


@router.get("/hosts", response=HostPage, by_alias=True)
def get_hosts(request: HttpRequest, cursor: str = "", limit: int = LIMIT) -> dict[str, Any]:
    """My hosts, the newest first."""
    rows, following = page(my_hosts(request), cursor, limit)
    return {"hosts": [host_state(host) for host in rows], "next": following}


@router.get("/hosts/{uuid:host_id}", response=HostState, by_alias=True)
def get_host(request: HttpRequest, host_id: uuid.UUID) -> dict[str, Any]:
    return host_state(my_host(request, host_id))


@router.patch("/hosts/{uuid:host_id}", response=HostState, by_alias=True)
def patch_host(request: HttpRequest, host_id: uuid.UUID, body: HostChange) -> dict[str, Any]:
    """Change a host. At another place it has its key confirmed anew."""
    host = my_host(request, host_id)
    given = body.dict(exclude_unset=True, exclude={"auth", "jump_host_id"})
    fields = {name: value for name, value in given.items() if value is not None}
    if "jump_host_id" in body.model_fields_set:
        fields |= _jump(request, body.jump_host_id)
    return host_state(hosts.change(host, _auth(body.auth) if body.auth else None, **fields))


@router.delete("/hosts/{uuid:host_id}", response={204: None})
def delete_host(request: HttpRequest, host_id: uuid.UUID) -> tuple[int, None]:
    hosts.remove(my_host(request, host_id))
    return 204, None


@router.post("/hosts/{uuid:host_id}/test", response=Tested, by_alias=True)
def post_test(
    request: HttpRequest, host_id: uuid.UUID, body: TestBody | None = None
) -> dict[str, Any]:
    """See the host's key, without signing in; once that is confirmed, sign in and see what it has.
    A key that changed is a problem, `host_key_changed`."""
    host = my_host(request, host_id)
    limits.count(host.owner_id, "test")
    if body and body.auth:
        hosts.hold(host, _auth(body.auth))
    found = ask_worker.test(host)
    host.refresh_from_db()
    return tested(host, found["latency_ms"])


@router.post("/hosts/{uuid:host_id}/trust", response=HostState, by_alias=True)
def post_trust(request: HttpRequest, host_id: uuid.UUID, body: TrustBody) -> dict[str, Any]:
    """Confirm the key that the last test showed, having compared its fingerprint."""
    host = my_host(request, host_id)
    password = body.password.get_secret_value() if body.password else ""
    if password:
        limits.count(host.owner_id, "test")  # or it could be guessed here
    return host_state(hosts.trust(host, user_of(request), body.fingerprint, password))


# --- Folders ------------------------------------------------------------------------------------
@router.get("/hosts/{uuid:host_id}/files", response=Folder, by_alias=True)
def get_files(
    request: HttpRequest,
    host_id: uuid.UUID,
    path: str = "",
    token: str = "",
    after: int = 0,
    limit: int = PAGE,
) -> dict[str, Any]:
    """A folder of the host, by `path` (from / or ~/ on; the home without one) or by `token`."""
    host = my_host(request, host_id)
    limits.count(host.owner_id, "look")
    return ask_worker.folder(host, token, path, max(0, after), limit)


@router.post("/hosts/{uuid:host_id}/directories", response={201: Place}, by_alias=True)
def post_directory(
    request: HttpRequest, host_id: uuid.UUID, body: NewFolder
) -> tuple[int, dict[str, Any]]:
    host = my_host(request, host_id)
    limits.count(host.owner_id, "look")
    return 201, ask_worker.make_folder(host, body.token, body.path, body.name)
