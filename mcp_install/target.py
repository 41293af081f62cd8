"""Which addresses a host may have: a name is resolved once, and that address is connected to.

Never allowed are link-local addresses, those of clouds' metadata and of no machine at all, and our
own services. Other addresses that are not of the internet need `MCP_SSH_ALLOW_PRIVATE`.
"""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import psutil
from django.conf import settings

from mcp_install.troubles import Trouble

Address = IPv4Address | IPv6Address
Place = tuple[str, int]

RESOLVE_SECONDS = 5
_NEVER = [
    ip_network(text)
    for text in (
        "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "fe80::/10", "ff00::/8",
        "100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::/32", "fd20:ce::/32",  # metadata
    )
]  # fmt: skip
_TRANSLATED = ip_network("64:ff9b::/96")


async def addresses(hostname: str, port: int) -> list[str]:
    """Where to connect to, the best first. Raises Trouble."""
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await _resolved(hostname, port)
    except TimeoutError:
        raise Trouble("dns_failed", f"{hostname}: the name server does not answer") from None
    except (socket.gaierror, UnicodeError):
        raise Trouble("dns_failed", hostname) from None
    ours = await _own_services()
    for address in found:
        _refuse_never(address, port, ours)
    if not settings.MCP_SSH_ALLOW_PRIVATE:
        found = [address for address in found if _inner(address).is_global]
    if not found:
        raise Trouble("target_refused", f"{hostname} is an address of a private network")
    return [str(address) for address in found]


async def check_beyond_jump(hostname: str, port: int) -> None:
    """For a host that a jump host resolves and connects to: its network is not ours, but what is
    never allowed is refused when it is named by its address. Raises Trouble."""
    try:
        address = ip_address("127.0.0.1" if hostname.lower() == "localhost" else hostname)
    except ValueError:
        return
    _refuse_never(address, port, await _own_services())


def _refuse_never(address: Address, port: int, ours: set[Place]) -> None:
    inner = _inner(address)
    if any(inner in network for network in _NEVER if network.version == inner.version):
        raise Trouble("target_refused", f"{address} is not the address of a host of yours")
    if (_named(inner), port) in ours:
        raise Trouble("target_refused", f"{address}, port {port}, is a service of this product")


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


async def _resolved(hostname: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(hostname, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(place[0])) for *_, place in found))


# --- Our own services ---------------------------------------------------------------------------
async def _own_services() -> set[Place]:
    """Their addresses and ports; this machine is named by one word, whichever address it has."""
    places: set[Place] = {("here", settings.PORT)}
    for hostname, port in _configured():
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await _resolved(hostname, port)
        except (TimeoutError, OSError, UnicodeError):
            continue  # nobody reaches what has no address
        places |= {(_named(_inner(address)), port) for address in found}
    return places


def _configured() -> Iterator[Place]:
    database = settings.DATABASES["default"]
    yield database.get("HOST") or "localhost", int(database.get("PORT") or 5432)
    yield from settings.REALTIME_SERVER.hosts
    urls = ("REDIS_URL", "REALTIME_REDIS_URL", "LLM_BASE_URL", "EMBEDDED_LLM_URL")
    for name in (*urls, "EMBEDDING_BASE_URL"):
        url = getattr(settings, name)
        if not url or "+" in url.partition("://")[0]:
            continue
        parts = urlsplit(url)
        usual = {"https": 443, "http": 80}.get(parts.scheme, 6379)
        yield parts.hostname or "localhost", parts.port or usual


def _named(address: Address) -> str:
    return "here" if address.is_loopback or str(address) in _interfaces() else str(address)


def _interfaces() -> set[str]:
    every = psutil.net_if_addrs().values()
    return {entry.address.partition("%")[0] for entries in every for entry in entries}
