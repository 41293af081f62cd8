"""A person's hosts: added, changed, confirmed, removed. Nothing here connects to one."""

import re
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import SecretStr

from mcp_install import credentials, host_keys
from mcp_install.credentials import Given
from mcp_install.events import HostStatus, tell_host
from mcp_install.models import AuthMethod, Installation, McpServer, SshHost, State
from mcp_install.troubles import Trouble
from realtime.models import ACTIVE

MOST_HOPS = 2  # jump hosts before a host
_HOSTNAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]{2,45}")
_USERNAME = re.compile(r"[^\s:/@\x00-\x1f\x7f-][^\s:@\x00-\x1f\x7f]{0,63}")


@dataclass(frozen=True)
class Auth:
    """How somebody gets in, as it was given: a password, a key, or neither, to be asked for."""

    method: AuthMethod
    given: Given


def checked_auth(
    password: SecretStr | None,
    private_key: SecretStr | None,
    passphrase: SecretStr | None,
    *,
    ask: bool,
) -> Auth:
    """Raises Trouble unless it is exactly one of the ways."""
    ways = [password is not None, private_key is not None, ask]
    if sum(ways) != 1:
        words = "give a password, a privateKey, or ask: true"
        raise Trouble("bad_host", words, field="auth")
    if passphrase is not None and private_key is None:
        raise Trouble("bad_host", "a passphrase belongs to a private key", field="passphrase")
    if password is not None:
        return Auth(AuthMethod.PASSWORD, credentials.password(password))
    if private_key is not None:
        unlocked = credentials.private_key(private_key, passphrase or SecretStr(""))
        return Auth(AuthMethod.KEY, unlocked)
    return Auth(AuthMethod.ASK, Given())


def add(owner: User, auth: Auth, **fields: Any) -> SshHost:
    """A new host, whose key is still to be confirmed. Raises Trouble."""
    host = SshHost(owner=owner)
    _fill(host, fields)
    _set_auth(host, auth)
    return _saved(host, "CREATED")


def change(host: SshHost, auth: Auth | None, **fields: Any) -> SshHost:
    """What is left out stays. At another place its key is confirmed anew. Raises Trouble."""
    before = (host.hostname, host.port, host.jump_id)
    _fill(host, fields)
    if (host.hostname, host.port, host.jump_id) != before:
        host.host_key = host.offered_key = ""
        host.host_key_confirmed_at = host.host_key_confirmed_by = None
    if auth:
        _set_auth(host, auth)
        credentials.let_go(host)
    host.facts, host.error_code, host.checked_at, host.latency_ms = {}, "", None, None
    return _saved(host, "CHANGED")


def _fill(host: SshHost, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(host, name, value)
    host.name, host.hostname = host.name.strip(), host.hostname.strip().rstrip(".")
    wrong = {
        "name": not 0 < len(host.name) <= 100 or not host.name.isprintable(),
        "hostname": not _HOSTNAME.fullmatch(host.hostname),
        "port": not 0 < host.port < 65536,
        "username": not _USERNAME.fullmatch(host.username),
    }
    for field, is_wrong in wrong.items():
        if is_wrong:
            raise Trouble("bad_host", _SHAPES[field], field=field)
    _check_jumps(host)


_SHAPES = {
    "name": "a name has 1 to 100 characters",
    "hostname": "give a name or address, without user and port",
    "port": "a port is a number from 1 to 65535",
    "username": "a user name has 1 to 64 characters, without blanks",
}


def _check_jumps(host: SshHost) -> None:
    hop, seen = host.jump, [host.pk]
    while hop is not None:
        if hop.pk in seen:
            raise Trouble("bad_host", "it would be reached through itself", field="jumpHostId")
        seen.append(hop.pk)
        hop = hop.jump
    before = len(seen) - 1
    if before + _hops_after(host) > MOST_HOPS:
        words = f"at most {MOST_HOPS} jump hosts in a row"
        raise Trouble("bad_host", words, field="jumpHostId")


def _hops_after(host: SshHost) -> int:
    """Hosts in a row that are reached through this one."""
    if host._state.adding:
        return 0
    return max((1 + _hops_after(next_one) for next_one in host.reached.all()), default=0)


def _set_auth(host: SshHost, auth: Auth) -> None:
    host.auth_method = auth.method
    credentials.keep(host, auth.given)


def _saved(host: SshHost, status: HostStatus) -> SshHost:
    try:
        with transaction.atomic():
            host.save()
            tell_host(host, status)
    except IntegrityError:
        words = f"you have a host called {host.name} already"
        raise Trouble("bad_host", words, field="name") from None
    return host


def hold(host: SshHost, auth: Auth) -> None:
    """What was given for a host that asks each time, for ten minutes. Raises Trouble."""
    if host.auth_method != AuthMethod.ASK:
        words = "it keeps what lets you in; change the host instead"
        raise Trouble("bad_host", words, field="auth")
    if auth.method == AuthMethod.ASK:
        raise Trouble("bad_host", "give a password or a privateKey", field="auth")
    credentials.hold(host, auth.given)


def trust(host: SshHost, person: User, fingerprint: str, password: str = "") -> SshHost:
    """Confirm the key that the host showed last, by its fingerprint; a changed one by the person's
    own password, too. Raises Trouble."""
    plain = fingerprint.strip().removeprefix("SHA256:").rstrip("=")
    if host.host_key and not host.offered_key and _is(host.host_key, plain):
        return host
    if not host.offered_key:
        raise Trouble("host_not_tested", host.name)
    if not _is(host.offered_key, plain):
        raise Trouble("fingerprint_differs", host_keys.fingerprint(host.offered_key))
    if host.host_key and not person.check_password(password):
        raise Trouble("password_needed", field="password")
    _confirm(host, person)
    host.refresh_from_db()
    return host


def _confirm(host: SshHost, person: User) -> None:
    """The key that it showed last is its key, if no other was shown meanwhile. Raises Trouble."""
    same = {"offered_key": host.offered_key, "host_key": host.host_key}
    with transaction.atomic():
        changed = SshHost.objects.filter(pk=host.pk, **same).update(
            host_key=host.offered_key,
            offered_key="",
            host_key_confirmed_at=timezone.now(),
            host_key_confirmed_by=person,
            error_code="",
            facts={},
        )
        if not changed:
            raise Trouble("fingerprint_differs", host.name)
        tell_host(host, "CHANGED")


def _is(key: str, plain: str) -> bool:
    return host_keys.fingerprint(key) == f"SHA256:{plain}"


def remove(host: SshHost) -> None:
    """Forget the host and its servers that are not there. Raises Trouble while it is needed."""
    reached = [other.name for other in host.reached.all()]
    if reached:
        raise Trouble("host_in_use", f"to reach {', '.join(reached)}")
    there = McpServer.objects.filter(host=host, state__in=(State.READY, State.BROKEN))
    if there.exists():
        raise Trouble("host_in_use", f"{there.count()} servers are installed on it")
    runs = Installation.objects.filter(server__host=host, job__status__in=ACTIVE)
    if runs.exists():
        raise Trouble("host_in_use", "something is being installed on it")
    credentials.let_go(host)
    with transaction.atomic():
        tell_host(host, "DELETED")
        host.delete()
