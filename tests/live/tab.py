"""The far end of a socket in live tests."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.stack import LiveStack


class Tab:
    """What a browser tab does: opens the socket with its cookie and its origin, and resumes; or
    what a program does with its token."""

    def __init__(
        self, stack: LiveStack, client: httpx.Client, token: str = "", **headers: str
    ) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        sent = {"Authorization": f"Bearer {token}"} if token else {"Cookie": cookies}
        self.socket: ClientConnection = connect(
            stack.url.replace("http", "ws") + "/ws",
            additional_headers=sent if token or cookies else {},
            ping_interval=None,  # as a browser; a test that does not read sees no pongs
            **(({} if token else {"origin": stack.url}) | headers),  # type: ignore[arg-type]
        )

    def say(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def next(self, within: float = 20.0) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.socket.recv(timeout=within))
        return frame

    def resume(self, cursor: str | None = None) -> "Tab":
        assert self.next()["type"] == "welcome"
        self.say(type="resume", lastEventId=cursor)
        return self

    def closed_with(self) -> int:
        """The close code, once everything before it was read."""
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                self.socket.recv(timeout=20)
        assert closed.value.rcvd
        return int(closed.value.rcvd.code)
