"""Whose turn it is: jobs of a kind that are taken up fairly between their owners.

A message to a worker of such a kind says only that something waits. Which job that is shows when a
worker is free: the oldest of the owner who was served the longest ago. So somebody's thousand jobs
hold up another's single one by no more than those that are in work.
"""

import uuid

from django.db import connection

# From one owner to the next in the index, however many wait; then the first of each.
_NEXT = """
WITH RECURSIVE owners AS (
    (
        SELECT owner_id FROM realtime_job WHERE kind = %(kind)s AND status = 'QUEUED'
        ORDER BY owner_id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT job.owner_id FROM realtime_job AS job
        WHERE job.kind = %(kind)s AND job.status = 'QUEUED' AND job.owner_id > owners.owner_id
        ORDER BY job.owner_id LIMIT 1
    ) FROM owners WHERE owner_id IS NOT NULL
)
SELECT oldest.id FROM owners CROSS JOIN LATERAL (
    SELECT id, queued_at FROM realtime_job AS job
    WHERE job.kind = %(kind)s AND job.status = 'QUEUED' AND job.owner_id = owners.owner_id
    ORDER BY queued_at LIMIT 1
) AS oldest
ORDER BY (
    SELECT max(started_at) FROM realtime_job AS served
    WHERE served.kind = %(kind)s AND served.owner_id = owners.owner_id
) NULLS FIRST, oldest.queued_at
LIMIT 1
"""
_LINE = """
SELECT id, row_number() OVER (ORDER BY turn, queued_at, id) - 1 FROM (
    SELECT id, queued_at, row_number() OVER (PARTITION BY owner_id ORDER BY queued_at, id) AS turn
    FROM realtime_job WHERE kind = %(kind)s AND status = 'QUEUED'
) AS waiting
"""


def next_job(kind: str) -> uuid.UUID | None:
    """The id of the job that is to be claimed next, if any waits."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"kind": kind})
        row = cursor.fetchone()
    return row[0] if row else None


def line(kind: str) -> dict[uuid.UUID, int]:
    """How many are before each that waits, if every owner is served in turn."""
    with connection.cursor() as cursor:
        cursor.execute(_LINE, {"kind": kind})
        return dict(cursor.fetchall())
