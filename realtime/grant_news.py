"""What the database says of grants: that a session, a token or a user changed or is gone."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
from django.db import connection as django_connection

logger = logging.getLogger(__name__)

CHANNEL = "realtime_grants"
RETRY_SECONDS = 1.0
# A server that is gone is noticed in about ten seconds.
KEEPALIVES = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


class GrantNews(msgspec.Struct, frozen=True):
    """One change; exactly one of the first three is set. `at`: Unix time in seconds."""

    session: str | None = None
    token: str | None = None
    user: str | None = None
    at: float = 0.0


async def listen(heard: Callable[[GrantNews], None], began: Callable[[], None]) -> None:
    """Hand every piece of news to `heard`, for ever. `began` is called whenever listening began:
    what happened before that was not heard."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                **_parameters(), autocommit=True
            ) as line:
                await line.execute(f"LISTEN {CHANNEL}")
                began()
                async for notice in line.notifies():
                    heard(msgspec.json.decode(notice.payload, type=GrantNews))
        except (psycopg.Error, OSError, msgspec.MsgspecError) as error:
            logger.warning("news of sessions is not heard: %s", error)
        await asyncio.sleep(RETRY_SECONDS)


def _parameters() -> dict[str, Any]:
    """Where Django's own connections go, without what only they use."""
    own = ("cursor_factory", "context", "prepare_threshold")
    parameters = django_connection.get_connection_params()
    return {name: value for name, value in parameters.items() if name not in own} | KEEPALIVES
