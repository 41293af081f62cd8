"""The pages of what can be installed."""

import json
import uuid
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from mcp_install import catalogue
from mcp_install.catalogue_api import entry_detail, entry_state
from mcp_install.models import CatalogServer, Source
from realtime.pages import Context, live_page, owner, shown

STEP = 50


@require_safe
@live_page("mcp_install/catalogue.html")
def catalogue_page(request: HttpRequest) -> Context:
    words, source = request.GET.get("q", "").replace("\0", "")[:200], request.GET.get("source", "")
    source = source if source in Source.values else ""
    found = catalogue.search(owner(request), words, source).order_by("title", "name")
    count, show = found.count(), shown(request, STEP)
    return {
        "entries": [entry_state(row) for row in found[:show]],
        "count": count,
        "next_show": show + STEP if count > show else 0,
        "words": words,
        "source": source,
        "sources": Source.choices,
    }


@require_safe
@live_page("mcp_install/entry.html")
def entry_page(request: HttpRequest, entry_id: uuid.UUID) -> Context:
    row = my_entry(request, entry_id)
    return {"entry": shown_entry(row), "is_mine": row.owner_id is not None}


def my_entry(request: HttpRequest, entry_id: uuid.UUID) -> CatalogServer:
    return get_object_or_404(catalogue.for_owner(owner(request)), pk=entry_id)


def shown_entry(row: CatalogServer) -> dict[str, Any]:
    """As the API tells of it; `file` is its server.json as text, `home` where it is described."""
    detail = entry_detail(row)
    repository = row.server_json.get("repository")
    urls = (
        row.server_json.get("websiteUrl"),
        (repository or {}).get("url") if isinstance(repository, dict) else "",
    )
    home = next((url for url in urls if isinstance(url, str) and url.startswith("https://")), "")
    file = json.dumps(row.server_json, indent=2, ensure_ascii=False)
    return detail | {"file": file, "home": home, "source_words": row.get_source_display()}
