"""Staff see who is connected, and close connections, over HTTP."""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest
from ninja import Query, Router
from pydantic import Field

from realtime import connections
from realtime.api_auth import staff
from realtime.problems import CamelSchema, Problem
from realtime.roll_call import Row

logger = logging.getLogger(__name__)
router = Router(tags=["operations"])


class ProcessState(CamelSchema):
    """A web process; without numbers when it did not answer in time."""

    name: str
    answered: bool
    websockets: int | None = None
    sse: int | None = None


class ConnectionState(CamelSchema):
    """`lagEvents`: between its cursor and the head of its stream; `outboxEvents` and `outboxBytes`:
    what of those was sent."""

    connection_id: str
    user_id: str
    username: str
    kind: Literal["websocket", "sse"]
    since: datetime
    lag_events: int
    outbox_events: int
    outbox_bytes: int
    grant: Literal["session", "token"]
    grant_id: str
    process: str


class ConnectionsState(CamelSchema):
    """The numbers are of all connections; the list has those that lag most."""

    count: int
    lag_events: int
    outbox_events: int
    outbox_bytes: int
    processes: list[ProcessState]
    connections: list[ConnectionState]


def state(row: Row) -> dict[str, Any]:
    kind, _, grant_id = row.grant.partition(":")
    same = ("username", "kind", "process")
    return {name: getattr(row, name) for name in same} | {
        "connection_id": row.id,
        "user_id": str(row.user_id),
        "since": datetime.fromtimestamp(row.since, UTC),
        "lag_events": row.lag,
        "outbox_events": row.events,
        "outbox_bytes": row.size,
        "grant": kind,
        "grant_id": grant_id,
    }


@router.get("", response=ConnectionsState, by_alias=True, exclude_none=True)
def index(
    request: HttpRequest,
    limit: Annotated[int, Query(), Field(ge=1, le=connections.MOST_ROWS)] = connections.MOST_ROWS,
) -> dict[str, Any]:
    """Who is connected now, to all web processes. For staff."""
    staff(request)
    found = connections.connections(limit)
    processes = [
        {
            "name": answer.process,
            "answered": True,
            "websockets": answer.kinds["websocket"],
            "sse": answer.kinds["sse"],
        }
        for answer in found.answers
    ]
    return {
        "count": found.count,
        "lag_events": found.sum("lag"),
        "outbox_events": found.sum("events"),
        "outbox_bytes": found.sum("size"),
        "processes": [*processes, *({"name": name, "answered": False} for name in found.silent)],
        "connections": [state(row) for row in found.rows],
    }


@router.delete("/{connection_id}", response={204: None})
def close(request: HttpRequest, connection_id: str) -> tuple[int, None]:
    """Close a connection. Its client comes back; to keep a person out, end the session. For
    staff."""
    user = staff(request)
    try:
        is_closed = connections.close(connection_id)
    except connections.Silent:
        words = "A web process did not answer, so this connection may still be open. Try again."
        raise Problem(503, "Not every web process answers", words) from None
    if not is_closed:
        raise Http404
    logger.info("%s closed the connection %s", user.get_username(), connection_id)
    return 204, None
