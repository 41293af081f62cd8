"""The far end of a line of Server-Sent Events in live tests."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx

PATH = "/api/realtime/events"


class Listener:
    """What a page does where WebSockets are blocked: one GET, and, if told to, another after it."""

    def __init__(self, client: httpx.Client, after: str = "", **headers: str) -> None:
        self.client, self.headers = client, headers
        self.cursor, self.responses = after, 0
        self._exit = ExitStack()
        self._open()

    def _open(self) -> None:
        self._exit.close()
        query = {"after": self.cursor} if self.cursor else {}
        request = self.client.stream("GET", PATH, params=query, headers=self.headers)
        self.response = self._exit.enter_context(request)
        self._lines = self.response.iter_lines()
        self.responses += 1

    def frames(self) -> Iterator[dict[str, Any]]:
        """Until the response ends. The cursor moves as an EventSource moves it."""
        cursor = ""
        for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "id":
                cursor = value
            elif field == "data":
                self.cursor = cursor or self.cursor
                yield json.loads(value)
            elif not line:
                cursor = ""

    def next(self) -> dict[str, Any]:
        return next(self.frames())

    def upto(self, kind: str) -> dict[str, Any]:
        """The next frame of a type."""
        return next(frame for frame in self.frames() if frame["type"] == kind)

    def resumed(self) -> "Listener":
        assert self.next()["type"] == "welcome"
        self.upto("resumed")
        return self

    def for_ever(self) -> Iterator[dict[str, Any]]:
        """Comes back whenever a response ends in order."""
        while True:
            yield from self.frames()
            self._open()

    def close(self) -> None:
        self._exit.close()
