"""Which addresses may be connected to. The names are fakes of the resolver, the remote end."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

import pytest
from pytest_django import Settings

from mcp_install import target
from mcp_install.troubles import Trouble

Names = dict[str, list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What the name server says; addresses are themselves."""
    known: Names = {}

    async def getaddrinfo(_: Any, hostname: str, port: int, **options: Any) -> list[Any]:
        found = known.get(hostname, [hostname])
        if not found:
            raise socket.gaierror(-2, "not known")
        return [(0, 0, 0, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return known


async def refused(hostname: str, port: int = 22) -> str:
    with pytest.raises(Trouble) as raised:
        await target.addresses(hostname, port)
    return raised.value.code


ON_THE_INTERNET = ["1.1.1.1", "2606:4700:4700::1111"]
PRIVATE = [
    "127.0.0.1", "127.8.8.8", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "fd12:3456::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "192.0.2.1",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "0.0.0.0", "::", "255.255.255.255", "224.0.0.1",
    "ff02::1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
]  # fmt: skip


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("address", ON_THE_INTERNET)
async def test_addresses_of_the_internet_are_allowed(
    names: Names, settings: Settings, address: str, allowed: bool
) -> None:
    settings.MCP_SSH_ALLOW_PRIVATE = allowed
    assert await target.addresses(address, 22) == [address]


@pytest.mark.parametrize("address", PRIVATE)
async def test_private_ones_are_when_the_settings_say_so(
    names: Names, settings: Settings, address: str
) -> None:
    settings.MCP_SSH_ALLOW_PRIVATE = False
    assert await refused(address) == "target_refused"
    settings.MCP_SSH_ALLOW_PRIVATE = True
    assert [*map(ip_address, await target.addresses(address, 22))] == [ip_address(address)]


@pytest.mark.parametrize("address", NEVER)
async def test_some_are_never(names: Names, settings: Settings, address: str) -> None:
    settings.MCP_SSH_ALLOW_PRIVATE = True
    assert await refused(address) == "target_refused"


async def test_a_name_is_judged_by_all_its_addresses(names: Names, settings: Settings) -> None:
    settings.MCP_SSH_ALLOW_PRIVATE = False
    names["both.example"] = ["1.1.1.1", "10.0.0.1"]
    assert await target.addresses("both.example", 22) == ["1.1.1.1"]
    names["trick.example"] = ["1.1.1.1", "169.254.169.254"]
    assert await refused("trick.example") == "target_refused"
    names["unknown.example"] = []
    assert await refused("unknown.example") == "dns_failed"


async def test_our_own_services_are_never_hosts(
    names: Names, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MCP_SSH_ALLOW_PRIVATE = True
    monkeypatch.setitem(settings.DATABASES["default"], "HOST", "db")
    monkeypatch.setitem(settings.DATABASES["default"], "PORT", "5433")
    settings.REDIS_URL = "redis://:secret@127.0.0.1:7001/0"
    settings.LLM_BASE_URL = "https://models.example/v1"
    names |= {"db": ["10.0.0.5"], "models.example": ["1.1.1.1"]}
    for place in [
        ("10.0.0.5", 5433), ("127.0.0.1", 7001), ("::1", 7001), ("127.9.9.9", 7001),
        ("::ffff:127.0.0.1", 7001), ("1.1.1.1", 443), ("localhost", settings.PORT),
    ]:  # fmt: skip
        names.setdefault("localhost", ["::1", "127.0.0.1"])
        assert await refused(*place) == "target_refused", place
    assert await target.addresses("10.0.0.5", 22) == ["10.0.0.5"]
    assert await target.addresses("127.0.0.1", 22) == ["127.0.0.1"]


async def test_beyond_a_jump_host_private_addresses_are_its_own(
    names: Names, settings: Settings
) -> None:
    settings.MCP_SSH_ALLOW_PRIVATE = False
    for hostname in ("10.0.0.1", "inner.example", "127.0.0.1"):
        await target.check_beyond_jump(hostname, 22)
    for hostname, port in (("169.254.169.254", 22), ("localhost", settings.PORT)):
        with pytest.raises(Trouble, match="not allowed"):
            await target.check_beyond_jump(hostname, port)
