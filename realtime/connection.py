"""What the rest of `realtime` knows of an open line to a tab: a WebSocket, or an SSE response."""

from typing import Protocol

from realtime.auth import Identity
from realtime.events import Event


class Connection(Protocol):
    """Belongs to one event loop; nothing here waits."""

    id: str  # the `connectionId` of its welcome
    identity: Identity

    def tell(self, event: Event) -> None:
        """Send an ephemeral event, without id; dropped when the client lags."""

    def end(self, code: int, reason: str, retry_after_ms: int | None = None) -> None:
        """Say `closing`, then close with a close code; a second call does nothing."""
