"""Batches over HTTP: announce many files, look how they stand, cancel the rest."""

import uuid
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router
from pydantic import Field

from documents import batches
from documents.api import user_of
from documents.models import Batch
from realtime.idempotency import idempotent
from realtime.problems import CamelSchema

router = Router(tags=["documents"])


class Announced(CamelSchema):
    total: int = Field(ge=1, le=batches.MOST_FILES)


class Lost(CamelSchema):
    number: int = Field(ge=1, le=batches.MOST_FILES)


class BatchState(CamelSchema):
    """As in `batch_progress`; `lost` are those of `refused` that were never sent."""

    batch_id: uuid.UUID
    total: int
    arrived: int
    skipped: int
    refused: int
    lost: int
    waiting: int
    processing: int
    ready: int
    failed: int
    cancelled: int
    progress: int
    ended: bool


def state(batch: Batch) -> dict[str, Any]:
    counts = batches.count(batch)
    fields = {name: getattr(counts, name) for name in counts.__dataclass_fields__}
    failed, progress = counts.failed + counts.refused, counts.progress
    more = {"batch_id": batch.pk, "ended": batch.ended_at is not None}
    return fields | more | {"failed": failed, "progress": progress}


def found(request: HttpRequest, batch_id: uuid.UUID) -> Batch:
    return get_object_or_404(Batch, owner=user_of(request), pk=batch_id)


@router.post("/batches", response={201: BatchState}, by_alias=True)
def create(request: HttpRequest, body: Announced) -> tuple[int, dict[str, Any]]:
    """Announce files that are about to be uploaded with this `batchId`. One `batch_progress` then
    tells of all of them."""
    return 201, state(batches.begin(user_of(request), body.total))


@router.get("/batches/{uuid:batch_id}", response=BatchState, by_alias=True)
def show(request: HttpRequest, batch_id: uuid.UUID) -> dict[str, Any]:
    return state(found(request, batch_id))


@router.post("/batches/{uuid:batch_id}/cancel", response={202: BatchState}, by_alias=True)
def cancel(request: HttpRequest, batch_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    """Cancel all of it that has not ended; what has not come is not waited for."""
    batches.cancel(found(request, batch_id))
    return 202, state(found(request, batch_id))


@router.post("/batches/{uuid:batch_id}/lost", response={202: BatchState}, by_alias=True)
@idempotent
def lose(request: HttpRequest, batch_id: uuid.UUID, body: Lost) -> tuple[int, dict[str, Any]]:
    """Say that so many of the announced files do not come: they count as failed. Of what is not
    said so, the batch waits ten minutes for the next file."""
    batches.give_up(found(request, batch_id), body.number)
    return 202, state(found(request, batch_id))
