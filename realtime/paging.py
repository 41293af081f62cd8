"""Lists in pages: the newest first, continued after a cursor that stays true while rows come in."""

import base64
import binascii
import uuid
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from realtime.problems import Problem

LIMIT = 50
MOST = 200
Row = TypeVar("Row", bound=Model)


def page(
    rows: QuerySet[Row], cursor: str, limit: int = LIMIT, by: str = "created_at"
) -> tuple[list[Row], str | None]:
    """The rows after `cursor` ("" for the first ones) and the cursor of what follows, if any.

    The rows have a time, `by` which they are ordered, and a UUID as `id`. Raises Problem 422 for a
    cursor that is not ours.
    """
    limit = max(1, min(limit, MOST))
    if cursor:
        time, pk = _decode(cursor)
        rows = rows.filter(Q((f"{by}__lt", time)) | Q((by, time), pk__lt=pk))
    found = list(rows.order_by(f"-{by}", "-pk")[: limit + 1])
    return found[:limit], _encode(found[limit - 1], by) if len(found) > limit else None


def _encode(row: Any, by: str) -> str:
    return base64.urlsafe_b64encode(f"{getattr(row, by).isoformat()} {row.pk}".encode()).decode()


def _decode(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        time, _, pk = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        return datetime.fromisoformat(time), uuid.UUID(pk)
    except (binascii.Error, ValueError):
        raise Problem(422, "The cursor is not valid", "Start again from the first page.") from None
