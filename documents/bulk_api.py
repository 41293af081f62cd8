"""Many documents at once, over HTTP: their ids, and what is done to those that were chosen."""

import uuid
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router
from pydantic import Field

from documents import filing
from documents.access import OWNER, visible
from documents.api import user_of
from documents.find import matching
from documents.intake import remove
from documents.models import Collection, Document, Role
from realtime import jobs
from realtime.problems import CamelSchema

router = Router(tags=["documents"])
MOST_IDS = 10_000
MOST_AT_ONCE = 100


class Ids(CamelSchema):
    """`total` may be more than are told of."""

    document_ids: list[uuid.UUID]
    total: int


class Chosen(CamelSchema):
    document_ids: list[uuid.UUID] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Move(Chosen):
    """`collectionId` is one of mine, or null for none."""

    collection_id: uuid.UUID | None


class Done(CamelSchema):
    """How many it was done to. The rest were not in a state for it, or not mine."""

    done: int


@router.get("/ids", response=Ids, by_alias=True)
def ids(request: HttpRequest, q: str = "", status: str = "", collection: str = "") -> Any:
    """The ids of those whose name holds `q`, that are `working`, `ready`, `failed` or `cancelled`,
    and in a collection, or in `none`; the newest first."""
    found = matching(user_of(request), q, status, collection)
    return {"document_ids": found.values_list("pk", flat=True)[:MOST_IDS], "total": found.count()}


@router.post("/move", response=Done, by_alias=True)
def move(request: HttpRequest, body: Move) -> dict[str, Any]:
    """Put documents of mine into a collection of mine, or into none."""
    user, target = user_of(request), None
    if body.collection_id:
        target = get_object_or_404(Collection, owner=user, pk=body.collection_id)
    mine = Document.objects.filter(owner=user, pk__in=body.document_ids)
    return {"done": filing.move(mine, target)}


@router.post("/{what}", response=Done, by_alias=True)
def act(
    request: HttpRequest, what: Literal["delete", "retry", "cancel"], body: Chosen
) -> dict[str, Any]:
    """Delete documents of mine; retry what failed or was cancelled, or cancel what is in work, of
    mine or where I am an editor."""
    found = visible(user_of(request)).filter(pk__in=body.document_ids)
    needed = (OWNER,) if what == "delete" else (OWNER, Role.EDITOR)
    return {"done": sum(_do(what, one) for one in found if one.role in needed)}


def _do(what: str, document: Document) -> bool:
    if what == "retry":
        return jobs.retry(document.job)
    if what == "cancel":
        return jobs.cancel(document.job)
    remove(document)
    return True
