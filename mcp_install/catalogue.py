"""What can be installed: servers that came along, that a registry told of, or that were pasted."""

import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from mcp_install.models import CatalogServer, EntryStatus, Source
from mcp_install.packages import checked_version, choose
from mcp_install.server_json import ServerJson, digest, parse
from mcp_install.troubles import Trouble

SHIPPED = Path(__file__).parent / "shipped"


def put(
    raw: Any,
    source: Source,
    owner: User | None = None,
    *,
    status: EntryStatus = EntryStatus.ACTIVE,
    published_at: datetime | None = None,
    is_latest: bool = True,
) -> CatalogServer:
    """Store a server.json, in place of the same version from there. Raises Trouble."""
    server, whole = parse(raw)
    kept = {
        "title": server.title,
        "description": server.description,
        "server_json": whole,
        "digest": digest(whole),
        "status": status,
        "published_at": published_at,
        "is_latest": is_latest,
    }
    named: dict[str, Any] = {"source": source, "owner": owner, "name": server.name}
    with transaction.atomic():
        if is_latest:
            older = CatalogServer.objects.filter(**named).exclude(version=server.version)
            older.update(is_latest=False)
        row, _ = CatalogServer.objects.update_or_create(
            **named, version=server.version, defaults=kept
        )
    return row


def add_pasted(owner: User, text: str) -> CatalogServer:
    """Raises Trouble."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise Trouble("bad_server_json", f"it is not JSON: {error}", field="serverJson") from None
    return put(raw, Source.IMPORT, owner)


def load_shipped() -> None:
    """Have the servers that came along in the catalogue, in the versions that came along."""
    for path in sorted(SHIPPED.glob("*.json")):
        put(json.loads(path.read_text(encoding="utf-8")), Source.BUILTIN)


def for_owner(owner: User) -> QuerySet[CatalogServer]:
    return CatalogServer.objects.filter(Q(owner=None) | Q(owner=owner))


def search(owner: User, words: str = "", source: str = "") -> QuerySet[CatalogServer]:
    """The latest version of each server, all words being in what is said of it."""
    rows = for_owner(owner).filter(is_latest=True)
    if source:
        rows = rows.filter(source=source)
    for word in words.split()[:10]:
        rows = rows.filter(
            Q(name__icontains=word) | Q(title__icontains=word) | Q(description__icontains=word)
        )
    return rows


def find(owner: User, server: str, version: str = "") -> CatalogServer:
    """By id, by name, or by the end of a name (`time` is io.github…/server-time); what was pasted
    before what came along. Raises CatalogServer.DoesNotExist."""
    rows = for_owner(owner)
    try:
        return rows.get(pk=uuid.UUID(server))
    except ValueError:
        pass
    order = (Source.IMPORT, Source.BUILTIN, Source.REGISTRY)
    place = Case(
        *(When(source=source, then=Value(at)) for at, source in enumerate(order)),
        output_field=IntegerField(),
    )
    ends = Q(name__endswith=f"/{server}") | Q(name__endswith=f"/server-{server}")
    named = rows.filter(Q(name=server) | ends).annotate(place=place)
    exact = named.filter(version=version) if version else named.none()
    latest = named.filter(is_latest=True)
    found = exact.order_by("place").first() or latest.order_by("place").first()
    if found is None:
        raise CatalogServer.DoesNotExist
    return found


def versions(row: CatalogServer) -> list[str]:
    """The versions that are known of a server from there, the newest first."""
    same = CatalogServer.objects.filter(source=row.source, owner=row.owner_id, name=row.name)
    return list(same.order_by("-is_latest", "-created_at").values_list("version", flat=True)[:50])


def server_of(row: CatalogServer) -> ServerJson:
    """Raises Trouble."""
    return parse(row.server_json)[0]


def why_not(row: CatalogServer) -> Trouble | None:
    """Why it cannot be installed; None when it can."""
    if row.status != EntryStatus.ACTIVE:
        return Trouble("not_installable", row.status)
    try:
        package, _ = choose(server_of(row))
        checked_version(package, package.version)
    except Trouble as trouble:
        return trouble
    return None
