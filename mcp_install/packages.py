"""Which package of a server is installed: by name and exact version, from an official registry."""

import re
from typing import Any
from urllib.parse import urlsplit

from mcp_install.server_json import Package, ServerJson
from mcp_install.troubles import Trouble

# Where packages may come from; it is also what is meant without a URL.
_REGISTRIES = {"pypi": "pypi.org", "npm": "registry.npmjs.org"}
_IDENTIFIERS = {
    "pypi": re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?"),
    "npm": re.compile(r"(@[a-z0-9][a-z0-9._~-]{0,100}/)?[a-z0-9][a-z0-9._~-]{0,110}"),
}
_VERSIONS = {
    "pypi": re.compile(r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9.]+)?"),
    "npm": re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"),
}
_HERE = {"localhost", "127.0.0.1", "::1"}


def choose(server: ServerJson) -> tuple[Package, dict[str, str]]:
    """The package to install and how it speaks: PyPI before npm, stdio before HTTP."""
    if not server.packages:
        words = "it runs elsewhere already, and is only connected to" if server.remotes else ""
        raise Trouble("unsupported_package", words)
    usable = [p for p in server.packages if p.registry_type in _REGISTRIES]
    if not usable:
        kinds = ", ".join(sorted({p.registry_type for p in server.packages}))
        raise Trouble("unsupported_package", f"it comes as {kinds}")
    order = list(_REGISTRIES)
    usable.sort(key=lambda p: (p.transport.type != "stdio", order.index(p.registry_type)))
    package = usable[0]
    _check_package(package)
    return package, _transport(package)


def _check_package(package: Package) -> None:
    registry = package.registry_type
    base = package.registry_base_url
    if base and base.split("/")[:3] != ["https:", "", _REGISTRIES[registry]]:
        raise Trouble("foreign_registry", base)
    if not _IDENTIFIERS[registry].fullmatch(package.identifier):
        raise Trouble("bad_identifier", package.identifier[:100])
    if package.file_sha256:
        raise Trouble("unsupported_package", "its file is to be compared with a check sum")
    for argument in package.runtime_arguments:
        if (argument.name or argument.value) not in ("-y", "--yes"):  # npx: do not ask
            raise Trouble("unsupported_runtime_arguments", argument.name or argument.value or "")


def _transport(package: Package) -> dict[str, str]:
    transport = package.transport
    if transport.type == "stdio":
        return {"type": "stdio"}
    if transport.type != "streamable-http":
        raise Trouble("unsupported_transport", f"{transport.type}; stdio and streamable-http are")
    try:
        parts = urlsplit(transport.url)
        is_here = parts.scheme == "http" and parts.hostname in _HERE and bool(parts.port)
    except ValueError:
        is_here = False
    if not is_here:
        words = f"{transport.url or 'no URL'}; it has to be as http://127.0.0.1:3001/mcp"
        raise Trouble("unsupported_transport", words)
    return {"type": "streamable-http", "url": transport.url}


def checked_version(package: Package, version: str) -> str:
    """Raises Trouble unless it is one exact version."""
    if not _VERSIONS[package.registry_type].fullmatch(version) or len(version) > 100:
        raise Trouble("bad_version", version[:100] or "none is named", field="version")
    return version


def slug_of(name: str) -> str:
    """The name of the server's folder: `io.github.someone/server-time` is server-time."""
    last = name.rpartition("/")[2].lower()
    return re.sub(r"[^a-z0-9._-]+", "-", last).strip("-.")[:64] or "server"


def program_of(server: ServerJson, package: Package) -> str:
    """What starts it, if it is known: a Python package's is mostly called as the package is."""
    hint = server.hints.get("program", "")
    if isinstance(hint, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}", hint):
        return hint
    return package.identifier if package.registry_type == "pypi" else ""


def try_tool_of(server: ServerJson) -> dict[str, Any]:
    hint = server.hints.get("tryTool")
    return hint if isinstance(hint, dict) and isinstance(hint.get("name"), str) else {}
