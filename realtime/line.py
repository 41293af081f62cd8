"""A program's end of `/ws`, for threads: opens the line with a token, says and hears frames."""

import json
import socket
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

Frame = dict[str, Any]
PORTS = {"http": 80, "https": 443}


class LineFailed(Exception):
    """The line could not be opened, or is closed; `code` is the close code, if there was one."""

    def __init__(self, words: str, code: int = 0) -> None:
        super().__init__(words)
        self.code = code


class Line:
    """Everything waits for at most so many seconds."""

    def __init__(self, web_url: str, token: str, seconds: float) -> None:
        """Raises LineFailed."""
        self._seconds = seconds
        self._reason = ""
        try:
            self._tcp, address = _reach(web_url, seconds)
            self._socket: ClientConnection = connect(
                address,
                sock=self._tcp,
                additional_headers={"Authorization": f"Bearer {token}"},
                open_timeout=seconds,
                close_timeout=1,
                max_queue=None,
            )
        except (OSError, ValueError, EOFError, WebSocketException) as error:
            words = f"The web server opens no line at {web_url}: {error or 'no answer'}."
            raise LineFailed(f"{words} Where it is, WEB_URL says.") from None

    def say(self, **frame: Any) -> None:
        with suppress(ConnectionClosed):  # the next one to hear will be told
            self._socket.send(json.dumps(frame))

    def hear(self) -> Frame:
        """The next frame that is about the stream. Raises LineFailed, TimeoutError."""
        until = time.monotonic() + self._seconds
        while True:
            try:
                frame: Frame = json.loads(self._socket.recv(until - time.monotonic()))
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                words = f"The line was closed with {code}. {self._reason}"
                raise LineFailed(words.strip(), code) from None
            if frame["type"] == "closing":
                self._reason = frame["reason"]
            elif frame["type"] not in ("heartbeat", "session_update"):
                return frame

    def cut(self) -> None:
        """Nothing more comes or goes, and nobody is told: as when a cable is pulled."""
        with suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def close(self) -> None:
        self._socket.close()


def _reach(web_url: str, seconds: float) -> tuple[socket.socket, str]:
    """A connection to the web server, and the address to ask it for: of a host that it knows."""
    url = urlsplit(web_url)
    if url.scheme not in PORTS or not url.hostname:
        raise ValueError("an address looks like http://host:port")
    port = url.port or PORTS[url.scheme]
    tcp = socket.create_connection((url.hostname, port), seconds)
    tcp.settimeout(None)
    scheme = "wss" if url.scheme == "https" else "ws"
    name = _known(url.hostname)
    return tcp, f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}/ws"


def _known(host: str) -> str:
    if validate_host(host, settings.ALLOWED_HOSTS):
        return host
    return str(settings.ALLOWED_HOSTS[0]).lstrip(".")
