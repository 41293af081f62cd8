"""What a person wants to know of a host at once: done by a worker, while the request waits.

The web process has no SSH: it asks by `ask_worker`, and the task there answers by `look`.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from mcp_install import files, pool, probe, warm
from mcp_install.ask_worker import SECONDS
from mcp_install.connect import connected, fetch_host_key
from mcp_install.events import tell_host
from mcp_install.login import login_of
from mcp_install.models import SshHost
from mcp_install.troubles import Trouble, as_dict
from realtime.background import in_thread

logger = logging.getLogger(__name__)

CALL_SECONDS = SECONDS - 2.0  # so that it is the call that is late, rather than the look


async def look(host_id: str, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{found: …}`, or `{trouble: …}` as `troubles.as_dict`."""
    host = None
    try:
        async with asyncio.timeout(SECONDS):
            host = await in_thread(_load, host_id)
            logger.info("user %s: %s on host %s", host.owner_id, what, host.pk)
            return {"found": await _LOOKS[what](host, **arguments)}
    except TimeoutError:
        trouble = Trouble("timeout", f"it took longer than {SECONDS} s")
    except SshHost.DoesNotExist:
        trouble = Trouble("not_found", "the host was removed")
    except Trouble as error:
        trouble = error
    except Exception:
        reference = uuid.uuid4().hex[:8]
        logger.exception("%s on host %s failed, reference %s", what, host_id, reference)
        trouble = Trouble("internal_error", f"reference {reference}")
    if host is not None and trouble.code in OF_THE_HOST:
        await in_thread(note_trouble, host, trouble)
    return {"trouble": as_dict(trouble)}


def _load(host_id: str) -> SshHost:
    return SshHost.objects.select_related("jump__jump").get(pk=host_id)


async def _test(host: SshHost) -> dict[str, Any]:
    """Its key while none is confirmed; else sign in and see what it has."""
    if not host.is_trusted:
        key, milliseconds = await fetch_host_key(await in_thread(_visitor, host))
        await in_thread(_note, host, {"offered_key": key, "latency_ms": milliseconds})
        return {"latency_ms": milliseconds}
    login = await in_thread(login_of, host)
    began = time.monotonic()
    async with connected(login) as connection:
        milliseconds = round((time.monotonic() - began) * 1000)
        facts = await probe.probe(connection)
    found = {"facts": facts.as_json(), "latency_ms": milliseconds, "offered_key": ""}
    await in_thread(_note, host, found)
    return {"latency_ms": milliseconds}


def _visitor(host: SshHost) -> Any:
    return login_of(host, signs_in=False)


async def _folder(host: SshHost, token: str, path: str, after: int, limit: int) -> dict[str, Any]:
    place = files.of_token(token) if token else files.of_text(path)
    async with pool.borrowed(await in_thread(login_of, host)) as line:
        return await files.folder(line, place, after, limit)


async def _make_folder(host: SshHost, token: str, path: str, name: str) -> dict[str, Any]:
    place = files.of_token(token) if token else files.of_text(path)
    async with pool.borrowed(await in_thread(login_of, host)) as line:
        return await files.make_folder(line, place, name)


async def _call(host: SshHost, server_id: str, tool: str, arguments: Any) -> dict[str, Any]:
    return await warm.call(host.owner_id, server_id, tool, arguments, CALL_SECONDS)


_LOOKS: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "test": _test,
    "folder": _folder,
    "make_folder": _make_folder,
    "call": _call,
}
OF_THE_HOST = frozenset(  # rather than of one folder of it, or of what was asked
    {
        "dns_failed", "connection_refused", "network_error", "timeout", "connection_lost",
        "ssh_error", "target_refused", "jump_failed", "host_key_changed", "auth_failed",
        "credentials_lost", "probe_failed", "unsupported_system",
    }
)  # fmt: skip


def note_trouble(host: SshHost, trouble: Trouble) -> None:
    """One of `OF_THE_HOST`, for whoever looks at the host next."""
    found = {"error_code": trouble.code}
    if key := trouble.facts.get("offered_key"):
        found["offered_key"] = key
    _note(host, found)


def _note(host: SshHost, found: dict[str, Any]) -> None:
    """Only into the row as it was when it was looked at: it may have been changed meanwhile."""
    same = {name: getattr(host, name) for name in ("hostname", "port", "username", "host_key")}
    usual = {"error_code": "", "checked_at": timezone.now()}
    with transaction.atomic():
        if SshHost.objects.filter(pk=host.pk, **same).update(**(usual | found)):
            tell_host(host, "CHANGED")
