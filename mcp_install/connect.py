"""Signing in to a host: only to its confirmed key, with what its owner gave, within time limits.

Nothing of the worker's own account is used: no configuration, keys or agent; nothing is forwarded.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncssh

from mcp_install import host_keys, target
from mcp_install.login import Login
from mcp_install.troubles import Trouble

logger = logging.getLogger(__name__)

REACH_SECONDS = 10  # for each address
SIGN_IN_SECONDS = 10
CLOSE_SECONDS = 2
Connection = asyncssh.SSHClientConnection


@asynccontextmanager
async def connected(login: Login) -> AsyncIterator[Connection]:
    """A connection, closed at the end with that to its jump host. Raises Trouble."""
    if not login.host_key:
        raise Trouble("host_key_unknown", login.name)
    async with _tunnel(login) as tunnel:
        connection = await _signed_in(login, tunnel)
        try:
            yield connection
        finally:
            await _close(connection)


async def fetch_host_key(login: Login) -> tuple[str, int]:
    """The key that the host shows now, without signing in, and the milliseconds that took."""
    async with _tunnel(login) as tunnel:
        return await _shown_key(login, tunnel)


@asynccontextmanager
async def _tunnel(login: Login) -> AsyncIterator[Connection | None]:
    """A connection to the jump host, if there is one."""
    if login.jump is None:
        yield None
        return
    await target.check_beyond_jump(login.hostname, login.port)
    async with connected_jump(login.jump) as tunnel:
        yield tunnel


@asynccontextmanager
async def connected_jump(jump: Login) -> AsyncIterator[Connection]:
    """As `connected`, but what goes wrong on the way is told as the jump host's trouble."""
    context = connected(jump)
    try:
        tunnel = await context.__aenter__()
    except Trouble as trouble:
        raise Trouble(
            "jump_failed", f"{jump.name}: {trouble}", cause=trouble.code, host=str(jump.host_id)
        ) from None
    try:
        yield tunnel
    finally:
        await context.__aexit__(None, None, None)


async def _signed_in(login: Login, tunnel: Connection | None) -> Connection:
    options = _credentials(login) | {
        "username": login.username,
        "known_hosts": ([asyncssh.import_public_key(login.host_key)], [], []),
        "server_host_key_algs": host_keys.algorithms(login.host_key),
        "agent_path": None,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "gss_kex": False,
        "gss_auth": False,
        "x509_trusted_certs": None,
        "keepalive_interval": 15,
        "keepalive_count_max": 3,
    }
    try:
        connection: Connection = await _reach(login, tunnel, asyncssh.connect, options)
    except asyncssh.PermissionDenied as error:
        raise _trouble(error, login) from None
    except (asyncssh.DisconnectError, ConnectionResetError, BrokenPipeError) as error:
        await _refuse_changed_key(login, tunnel)
        raise _trouble(error, login) from None
    except Exception as error:
        raise _trouble(error, login) from None
    return connection


async def _refuse_changed_key(login: Login, tunnel: Connection | None) -> None:
    """Does the host show another key? Without one of the confirmed kind it just hangs up."""
    try:
        shown, _ = await _shown_key(login, tunnel)
    except Trouble:
        return
    if shown != login.host_key:
        new, old = map(host_keys.described, (shown, login.host_key))
        raise Trouble(
            "host_key_changed",
            f"{new}, not {old}",
            offered_key=shown,
            fingerprint=host_keys.fingerprint(shown),
            confirmed_fingerprint=host_keys.fingerprint(login.host_key),
        )


async def _shown_key(login: Login, tunnel: Connection | None) -> tuple[str, int]:
    began = time.monotonic()
    options = {"server_host_key_algs": host_keys.ALGORITHMS}
    try:
        key = await _reach(login, tunnel, asyncssh.get_server_host_key, options)
    except Exception as error:
        raise _trouble(error, login) from None
    if key is None:
        raise Trouble("ssh_error", "the host shows no key")
    words = key.export_public_key("openssh").decode().split()
    return " ".join(words[:2]), round((time.monotonic() - began) * 1000)


async def _reach(
    login: Login, tunnel: Connection | None, act: Callable[..., Any], options: dict[str, Any]
) -> Any:
    """Do it over a socket to one of the host's addresses, or through the tunnel."""
    if tunnel is not None:
        async with asyncio.timeout(SIGN_IN_SECONDS):
            return await act(login.hostname, login.port, tunnel=tunnel, config=None, **options)
    line = await _socket(login)
    try:
        async with asyncio.timeout(SIGN_IN_SECONDS):
            return await act(login.hostname, login.port, sock=line, config=None, **options)
    except BaseException:
        line.close()
        raise


async def _socket(login: Login) -> socket.socket:
    """The first address that takes a connection; else what the last of them said."""
    last: Exception = Trouble("network_error", login.hostname)
    for address in await target.addresses(login.hostname, login.port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        line = socket.socket(family, socket.SOCK_STREAM)
        line.setblocking(False)
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await asyncio.get_running_loop().sock_connect(line, (address, login.port))
        except OSError as error:  # TimeoutError is one
            line.close()
            last = error
        except BaseException:
            line.close()
            raise
        else:
            return line
    raise last


def _credentials(login: Login) -> dict[str, Any]:
    """`client_keys` None: those of the worker's account are not tried."""
    password = login.password.get_secret_value() or None
    if not (private := login.private_key.get_secret_value()):
        return {
            "client_keys": None,
            "password": password,
            "preferred_auth": "password,keyboard-interactive",
        }
    try:
        key = asyncssh.import_private_key(private)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise Trouble("bad_key", str(error)) from None
    return {"client_keys": [key], "preferred_auth": "publickey"}


async def _close(connection: Connection) -> None:
    connection.close()
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()


def _trouble(error: Exception, login: Login) -> Trouble:
    """What it means for the host's owner."""
    match error:
        case Trouble():
            return error
        case TimeoutError():
            return Trouble("timeout", f"{login.hostname}, port {login.port}")
        case ConnectionRefusedError():
            return Trouble("connection_refused", f"{login.hostname}, port {login.port}")
        case ConnectionError():
            return Trouble("connection_lost", f"{login.hostname}: {error.strerror or error}")
        case asyncssh.PermissionDenied():
            return Trouble("auth_failed", f"as {login.username}")
        case asyncssh.ChannelOpenError() if "refused" in error.reason.lower():
            return Trouble("connection_refused", f"{login.hostname}, port {login.port}")
        case asyncssh.ChannelOpenError():
            return Trouble("network_error", f"{login.hostname}: {error.reason}")
        case asyncssh.Error():
            return Trouble("ssh_error", str(error))
        case OSError():
            return Trouble("network_error", f"{login.hostname}: {error.strerror or error}")
    logger.error("signing in to %s failed", login.host_id, exc_info=error)
    return Trouble("internal_error")
