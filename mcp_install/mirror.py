"""A registry's servers, copied into the catalogue page by page, as registries ask to be used."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from django.utils.dateparse import parse_datetime

from mcp_install import catalogue
from mcp_install.models import EntryStatus, Source
from mcp_install.troubles import Trouble

META = "io.modelcontextprotocol.registry/official"
PER_PAGE = 100
MOST_PAGES = 10_000
MOST_BYTES = 16 * 1024 * 1024  # of a page
SECONDS = 30.0


class NotARegistry(Exception):
    """The other side does not answer as a registry does; `str()` is for whoever asked."""


@dataclass
class Mirrored:
    """`refused` names what was not taken, with the reason. `cursor` is where to go on after."""

    cursor: str = ""
    taken: int = 0
    refused: list[str] = field(default_factory=list)


def mirror(url: str, cursor: str = "", since: str = "") -> Iterator[Mirrored]:
    """Copy all pages after the cursor, or what changed `since`; says after each how far it is.
    Raises NotARegistry."""
    done = Mirrored(cursor)
    with httpx.Client(timeout=SECONDS, follow_redirects=False) as client:
        for _ in range(MOST_PAGES):
            page = _page(client, url, done.cursor, since)
            for entry in page["servers"]:
                _take(entry, done)
            metadata = page.get("metadata")
            following = _cursor(metadata if isinstance(metadata, dict) else {})
            if following == done.cursor:
                raise NotARegistry(f"The registry gives the cursor {following!r} again and again.")
            done.cursor = following or done.cursor
            yield done
            if not following:
                return
    raise NotARegistry(f"The registry has no end after {MOST_PAGES} pages.")


def _page(client: httpx.Client, url: str, cursor: str, since: str) -> dict[str, Any]:
    asked = {"limit": str(PER_PAGE), "cursor": cursor, "updated_since": since}
    place = f"{url.rstrip('/')}/v0/servers"
    try:
        given = {name: value for name, value in asked.items() if value}
        with client.stream("GET", place, params=given) as response:
            if response.status_code != 200:
                raise NotARegistry(f"{place} answers with status {response.status_code}.")
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    raise NotARegistry(f"{place} sends more than {MOST_BYTES} bytes at once.")
        page = json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotARegistry(f"{place} cannot be read: {error or type(error).__name__}.") from None
    except ValueError:
        raise NotARegistry(f"{place} does not send JSON.") from None
    if not isinstance(page, dict) or not isinstance(page.get("servers"), list):
        raise NotARegistry(f"{place} does not send a list of servers.")
    return page


def _cursor(metadata: dict[str, Any]) -> str:
    """Registries before and after they went camelCase."""
    return str(metadata.get("nextCursor") or metadata.get("next_cursor") or "")


def _take(entry: Any, done: Mirrored) -> None:
    raw = entry.get("server", entry) if isinstance(entry, dict) else entry
    try:
        catalogue.put(raw, Source.REGISTRY, **_told(entry))
        done.taken += 1
    except Trouble as trouble:
        name = raw.get("name", "?") if isinstance(raw, dict) else "?"
        done.refused.append(f"{str(name)[:200]}: {trouble.detail or trouble.words}")


def _told(entry: Any) -> dict[str, Any]:
    """What the registry says about the file."""
    meta = entry.get("_meta") if isinstance(entry, dict) else None
    official = meta.get(META) if isinstance(meta, dict) else None
    told = official if isinstance(official, dict) else {}
    status = told.get("status", "active")
    return {
        "status": EntryStatus(status) if status in EntryStatus.values else EntryStatus.ACTIVE,
        "published_at": _time(told.get("publishedAt") or told.get("published_at")),
        "is_latest": bool(told.get("isLatest", told.get("is_latest", True))),
    }


def _time(text: Any) -> datetime | None:
    try:
        return parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
