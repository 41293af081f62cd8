"""HTTP to a port of the host's own, through channels of the SSH connection: nothing listens here.

The server sees its own address as Host, which it insists on.
"""

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import asyncssh
import httpcore2
import httpx2

from mcp_install.connect import Connection
from mcp_install.shell import WINDOW
from mcp_install.troubles import Trouble

LOOPBACK = "127.0.0.1"
MOST_ANSWER = 8 * 1024 * 1024  # bytes after a request
CHANNELS = 4
OPEN_SECONDS = 5


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, reader: Any, writer: Any) -> None:
        self._reader, self._writer = reader, writer
        self._received = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                piece: bytes = await self._reader.read(max_bytes)
        except TimeoutError:
            raise httpcore2.ReadTimeout from None
        except (asyncssh.Error, OSError) as error:
            raise httpcore2.ReadError(str(error)) from None
        self._received += len(piece)
        if self._received > MOST_ANSWER:
            raise httpcore2.ReadError(f"an answer of more than {MOST_ANSWER >> 20} MiB")
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        self._received = 0
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError:
            raise httpcore2.WriteTimeout from None
        except (asyncssh.Error, OSError) as error:
            raise httpcore2.WriteError(str(error)) from None

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        return self._reader.at_eof() if info == "is_readable" else None  # has it hung up?


class _Backend(httpcore2.AsyncNetworkBackend):
    """Reaches one port of the host, and nothing else."""

    def __init__(self, connection: Connection, port: int) -> None:
        self._connection, self._port = connection, port

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if (host, port) != (LOOPBACK, self._port):
            raise httpcore2.ConnectError(f"{host}:{port} is not the server")
        try:
            async with asyncio.timeout(timeout):
                return _Stream(
                    *await self._connection.open_connection(
                        LOOPBACK, port, encoding=None, window=WINDOW
                    )
                )
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None
        except (asyncssh.Error, OSError) as error:
            raise httpcore2.ConnectError(str(error)) from None

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def url_of(transport_url: str) -> str:
    """With the address that the tunnel leads to."""
    parts = urlsplit(transport_url)
    return parts._replace(netloc=f"{LOOPBACK}:{parts.port}").geturl()


def port_of(transport_url: str) -> int:
    return urlsplit(transport_url).port or 0


class _Transport(httpx2.AsyncHTTPTransport):
    def __init__(self, backend: _Backend) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=CHANNELS, keepalive_expiry=30, network_backend=backend
        )


def client(connection: Connection, port: int, *, seconds: float) -> httpx2.AsyncClient:
    """An HTTP client that reaches this port of the host alone."""
    transport = _Transport(_Backend(connection, port))
    return httpx2.AsyncClient(transport=transport, timeout=seconds, trust_env=False)


async def is_open(connection: Connection, port: int) -> bool:
    """Does something listen there? Raises asyncssh.Error or OSError when the line is lost."""
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            _, writer = await connection.open_connection(LOOPBACK, port, encoding=None)
    except asyncssh.ChannelOpenError as error:
        if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            raise Trouble("no_tunnel", error.reason) from None
        return False
    except TimeoutError:
        return False
    writer.close()
    return True
