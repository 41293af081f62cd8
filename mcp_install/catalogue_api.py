"""The catalogue over HTTP."""

import json
import uuid
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router

from mcp_install import catalogue
from mcp_install.api import user_of
from mcp_install.inputs import wanted
from mcp_install.models import CatalogServer
from mcp_install.packages import choose
from mcp_install.states import (
    CataloguePage,
    EntryDetail,
    Pasted,
    input_state,
)
from mcp_install.troubles import Trouble
from realtime.paging import LIMIT, page

router = Router(tags=["mcp"])


def entry_state(row: CatalogServer) -> dict[str, Any]:
    trouble = catalogue.why_not(row)
    fields = ("name", "title", "description", "version", "source", "status", "published_at")
    return {name: getattr(row, name) for name in fields} | {
        "entry_id": row.pk,
        "is_installable": trouble is None,
        "reason": str(trouble or ""),
    }


def entry_detail(row: CatalogServer) -> dict[str, Any]:
    try:
        inputs = [input_state(one) for one in wanted(choose(catalogue.server_of(row))[0])]
    except Trouble:
        inputs = []
    more = {"server_json": row.server_json, "versions": catalogue.versions(row), "inputs": inputs}
    return entry_state(row) | more


@router.get("/catalogue", response=CataloguePage, by_alias=True)
def get_catalogue(
    request: HttpRequest,
    q: str = "",
    source: Literal["", "builtin", "registry", "import"] = "",
    cursor: str = "",
    limit: int = LIMIT,
) -> dict[str, Any]:
    """The latest version of each server; with `q`, those whose name or description holds all its
    words."""
    rows, following = page(catalogue.search(user_of(request), q, source), cursor, limit)
    return {"servers": [entry_state(row) for row in rows], "next": following}


@router.post("/catalogue", response={201: EntryDetail}, by_alias=True)
def post_entry(request: HttpRequest, body: Pasted) -> tuple[int, dict[str, Any]]:
    """Have a server.json in my catalogue; nobody else sees it."""
    pasted = body.server_json
    text = pasted if isinstance(pasted, str) else json.dumps(pasted)
    return 201, entry_detail(catalogue.add_pasted(user_of(request), text))


@router.get("/catalogue/{uuid:entry_id}", response=EntryDetail, by_alias=True)
def get_entry(request: HttpRequest, entry_id: uuid.UUID) -> dict[str, Any]:
    return entry_detail(get_object_or_404(catalogue.for_owner(user_of(request)), pk=entry_id))


@router.delete("/catalogue/{uuid:entry_id}", response={204: None})
def delete_entry(request: HttpRequest, entry_id: uuid.UUID) -> tuple[int, None]:
    """Only what I pasted can be taken out."""
    get_object_or_404(CatalogServer, owner=user_of(request), pk=entry_id).delete()
    return 204, None
