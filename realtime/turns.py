"""Whose turn it is: jobs of a kind that are taken up fairly between their owners.

A message to a worker of such a kind says only that something waits. Which job that is shows when a
worker is free: the oldest of the owner who was served the longest ago. So somebody's thousand jobs
hold up another's single one by no more than those that are in work.
"""

import uuid

from django.db import connection

from realtime.models import Status

_NEXT = """
SELECT id FROM (
    SELECT DISTINCT ON (owner_id) id, owner_id, queued_at FROM realtime_job
    WHERE kind = %(kind)s AND status = %(queued)s ORDER BY owner_id, queued_at, id
) AS oldest
ORDER BY (
    SELECT max(started_at) FROM realtime_job AS served
    WHERE served.kind = %(kind)s AND served.owner_id = oldest.owner_id
) NULLS FIRST, queued_at
LIMIT 1
"""
_LINE = """
SELECT id, row_number() OVER (ORDER BY turn, queued_at, id) - 1 FROM (
    SELECT id, queued_at, row_number() OVER (PARTITION BY owner_id ORDER BY queued_at, id) AS turn
    FROM realtime_job WHERE kind = %(kind)s AND status = %(queued)s
) AS waiting
"""


def next_job(kind: str) -> uuid.UUID | None:
    """The id of the job that is to be claimed next, if any waits."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"kind": kind, "queued": Status.QUEUED.value})
        row = cursor.fetchone()
    return row[0] if row else None


def line(kind: str) -> dict[uuid.UUID, int]:
    """How many are before each that waits, if every owner is served in turn."""
    with connection.cursor() as cursor:
        cursor.execute(_LINE, {"kind": kind, "queued": Status.QUEUED.value})
        return dict(cursor.fetchall())
