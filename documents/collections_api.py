"""Collections over HTTP, what is moved between them, and with whom they are shared."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from django.db.models import Count
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router

from documents import filing
from documents.access import OWNER, collections, require
from documents.api import user_of
from documents.cut import Cut, WrongCut
from documents.models import BY_NAME, Collection, Role
from documents.shares_api import Shares, ShareState, Sharing, give, state_of_share
from documents.sharing import unshare
from realtime.problems import CamelSchema, Problem
from realtime.text import Text

router = Router(tags=["collections"])


class Named(CamelSchema):
    name: Text


class Changed(CamelSchema):
    """What is left out stays. How it is cut into chunks holds for what comes in from now on."""

    name: Text | None = None
    chunk_tokens: int | None = None
    chunk_overlap: int | None = None


class CollectionState(CamelSchema):
    """`owner` is the name of whose it is; `role` is mine in it: owner, editor or viewer."""

    collection_id: uuid.UUID
    name: str
    owner: str
    role: str
    documents: int
    chunk_tokens: int
    chunk_overlap: int


class Collections(CamelSchema):
    collections: list[CollectionState]


def state(collection: Collection) -> dict[str, Any]:
    return {
        "collection_id": collection.pk,
        "name": collection.name,
        "owner": collection.owner.get_username(),
        "role": collection.role,
        "documents": collection.documents.count(),
        "chunk_tokens": collection.chunk_tokens,
        "chunk_overlap": collection.chunk_overlap,
    }


def found(request: HttpRequest, collection_id: uuid.UUID, needed: str = OWNER) -> Collection:
    """The collection, for somebody with the role: 403 with a lesser one, 404 with none."""
    collection = get_object_or_404(collections(user_of(request)), pk=collection_id)
    require(collection, needed)
    return collection


@contextmanager
def in_words() -> Iterator[None]:
    try:
        yield
    except filing.NotFiled as error:
        words = str(error)
        raise Problem(422, "Not taken", words, {"name": [words]}) from None
    except WrongCut as wrong:
        field = f"chunk{wrong.field.capitalize()}"
        raise Problem(422, "It cannot be cut so", str(wrong), {field: [str(wrong)]}) from None


@router.get("", response=Collections, by_alias=True)
def index(request: HttpRequest) -> dict[str, Any]:
    """My collections and those shared with me, by name."""
    rows = collections(user_of(request)).annotate(count=Count("documents")).order_by(*BY_NAME)
    return {"collections": [state(row) | {"documents": row.count} for row in rows]}


@router.post("", response={201: CollectionState}, by_alias=True)
def create(request: HttpRequest, body: Named) -> tuple[int, dict[str, Any]]:
    with in_words():
        made = filing.create(user_of(request), body.name)
    return 201, state(found(request, made.pk))


@router.get("/{uuid:collection_id}", response=CollectionState, by_alias=True)
def show(request: HttpRequest, collection_id: uuid.UUID) -> dict[str, Any]:
    return state(found(request, collection_id, Role.VIEWER))


@router.patch("/{uuid:collection_id}", response=CollectionState, by_alias=True)
def change(request: HttpRequest, collection_id: uuid.UUID, body: Changed) -> dict[str, Any]:
    """Rename my collection, or change how what comes into it is cut into chunks."""
    collection = found(request, collection_id)
    given = (body.chunk_tokens, body.chunk_overlap)
    with in_words():
        if given != (None, None):
            usual = (collection.chunk_tokens, collection.chunk_overlap)
            tokens, overlap = (usual[n] if one is None else one for n, one in enumerate(given))
            filing.cut_as(collection, Cut(tokens, overlap))
        if body.name is not None:
            filing.rename(collection, body.name)
    return state(collection)


@router.delete("/{uuid:collection_id}", response={204: None})
def delete(
    request: HttpRequest, collection_id: uuid.UUID, documents: Literal["keep", "delete"] = "keep"
) -> tuple[int, None]:
    """Delete my collection. Its documents are then in none, or go with it."""
    filing.delete(found(request, collection_id), with_documents=documents == "delete")
    return 204, None


@router.get("/{uuid:collection_id}/shares", response=Shares, by_alias=True)
def shares(request: HttpRequest, collection_id: uuid.UUID) -> dict[str, Any]:
    """The people with whom my collection is shared, in the order of time."""
    rows = found(request, collection_id).shares.select_related("user")
    return {"shares": [state_of_share(share) for share in rows]}


@router.post(
    "/{uuid:collection_id}/shares", response={200: ShareState, 201: ShareState}, by_alias=True
)
def share(
    request: HttpRequest, collection_id: uuid.UUID, asked: Sharing
) -> tuple[int, dict[str, Any]]:
    """Let a person see all that is in my collection, now and later; or as an editor also add to it,
    and cancel and retry its processing. Done again, it changes the role (200 in place of 201)."""
    return give(found(request, collection_id), asked)


@router.delete("/{uuid:collection_id}/shares/{uuid:share_id}", response={204: None})
def take_back(
    request: HttpRequest, collection_id: uuid.UUID, share_id: uuid.UUID
) -> tuple[int, None]:
    collection = found(request, collection_id)
    unshare(collection, get_object_or_404(collection.shares.select_related("user"), pk=share_id))
    return 204, None
