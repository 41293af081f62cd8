"""How often somebody may have a worker connect to somewhere."""

from typing import Any

from mcp_install.troubles import Trouble
from realtime.broker import broker

SECONDS = 60
MOST = {"test": 20, "look": 240, "call": 120}  # in so many seconds, for each person


def count(owner_id: int, what: str) -> None:
    """Raises Trouble when it was too often."""
    key = f"mcp:limit:{what}:{owner_id}"
    with broker().pipeline() as pipeline:
        pipeline.set(key, 0, ex=SECONDS, nx=True)
        pipeline.incr(key)
        pipeline.ttl(key)
        _, number, left = pipeline.execute()
    waits: Any = max(1, left)
    if number > MOST[what]:
        words = f"{MOST[what]} in a minute"
        raise Trouble("rate_limited", words, retry_after_seconds=waits)
