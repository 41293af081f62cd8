"""Sharing over HTTP: with whom a document is shared, sharing it, taking it back. For its owner."""

import uuid
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router

from documents.access import OWNER
from documents.api import found
from documents.models import Collection, Document, Share
from documents.sharing import GivenRole, NotShared, share, unshare
from realtime.problems import CamelSchema, Problem
from realtime.text import Text

router = Router(tags=["documents"])


class Sharing(CamelSchema):
    username: Text
    role: GivenRole


class ShareState(CamelSchema):
    share_id: uuid.UUID
    user_id: str
    username: str
    role: str
    created_at: datetime


class Shares(CamelSchema):
    shares: list[ShareState]


def state_of_share(share: Share) -> dict[str, Any]:
    return {
        "share_id": share.pk,
        "user_id": str(share.user_id),
        "username": share.user.get_username(),
        "role": share.role,
        "created_at": share.created_at,
    }


def give(shared: Document | Collection, asked: Sharing) -> tuple[int, dict[str, Any]]:
    """Share it as asked. Raises Problem."""
    try:
        made, is_new = share(shared, asked.username.strip(), asked.role)
    except NotShared as error:
        errors = {error.field: [str(error)]} if error.field else None
        kind = type(shared).__name__.lower()
        raise Problem(422, f"The {kind} was not shared", str(error), errors) from None
    return 201 if is_new else 200, state_of_share(made)


@router.get("/{uuid:document_id}/shares", response=Shares, by_alias=True)
def index(request: HttpRequest, document_id: uuid.UUID) -> dict[str, Any]:
    """The people with whom my document is shared, in the order of time."""
    shares = found(request, document_id, OWNER).shares.select_related("user")
    return {"shares": [state_of_share(share) for share in shares]}


@router.post(
    "/{uuid:document_id}/shares", response={200: ShareState, 201: ShareState}, by_alias=True
)
def create(
    request: HttpRequest, document_id: uuid.UUID, asked: Sharing
) -> tuple[int, dict[str, Any]]:
    """Let a person see my document, or as an editor also cancel and retry its processing.

    Done again, it changes the role (200 in place of 201).
    """
    return give(found(request, document_id, OWNER), asked)


@router.delete("/{uuid:document_id}/shares/{uuid:share_id}", response={204: None})
def delete(request: HttpRequest, document_id: uuid.UUID, share_id: uuid.UUID) -> tuple[int, None]:
    """Take my document back from a person, whom it is gone for at once."""
    document = found(request, document_id, OWNER)
    unshare(document, get_object_or_404(document.shares.select_related("user"), pk=share_id))
    return 204, None
