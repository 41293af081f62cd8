"""The web server that `manage.py up` starts: Daphne, with a shorter way for live events.

Daphne calls the application through a queue and a coroutine for every frame, and Autobahn makes
every frame anew for every socket. Here a consumer is offered `scope["extensions"]` an object that
writes frames which are complete already, straight into the connection, and hands over what comes
in without a queue. Everything else is Daphne's. Run like it:

    python -m demo.web -b 0.0.0.0 -p 8000 demo.asgi:application
"""

import gc
import sys
import time
from collections.abc import Callable
from typing import Any

from daphne.cli import CommandLineInterface
from daphne.server import Server as DaphneServer
from daphne.server import WebSocketFactory
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor as twisted_reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import deferLater

from realtime.feed import Batch
from realtime.transport import EXTENSION

reactor: Any = twisted_reactor

# Full collections stop the process for as long as it takes to look at every socket's objects.
CHECKED_AT_ONCE = 20
COLLECT_YOUNG, COLLECT_MIDDLE, COLLECT_OLD = 10_000, 50, 100
UNREAD = 60.0  # seconds that a client may leave an answer unread and ask for the next


def is_unread(channel: Any) -> bool:
    """Does much of the answers before still wait for the client, which has not gone?"""
    return bool(getattr(channel, "_waitingForTransport", False))


# How many may wait to be accepted: when a server comes back, all tabs do within a second. Twisted's
# 50 would leave most of them to the kernel, which drops them and has them ask again ever later.
BACKLOG = 4096


class FrameProtocol(WebSocketProtocol):
    """A socket whose text frames go to a receiver, if the application has set one."""

    receiver: Callable[[str | None], None] | None = None

    def onConnect(self, request: Any) -> Any:
        self.failByDrop = False  # who breaks the protocol is told so, by a close code
        handshake = super().onConnect(request)
        self.socket_opened = self.last_ping = time.monotonic()
        return handshake

    def check_timeouts(self) -> None:
        """As Daphne's, by a clock that nobody sets: set back, it would ask no peer for hours."""
        now, server = time.monotonic(), self.server
        age, quiet = now - self.socket_opened, now - self.last_ping
        if 0 <= server.websocket_timeout < age:
            self.serverClose()
        if self.state == self.STATE_CONNECTING and age > server.websocket_connect_timeout:
            self.serverReject()
        elif self.state == self.STATE_OPEN and quiet > server.ping_interval:
            self._sendAutoPing()
            self.last_ping = now

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.receiver is None or self.muted:
            super().onMessage(payload, isBinary)
            return
        self.last_ping = time.monotonic()
        self.receiver(None if isBinary else payload.decode())

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.receiver = None
        super().onClose(wasClean, code, reason)

    def write(self, batch: Batch) -> None:
        """Send complete frames: at once if nothing waits, else after what waits."""
        if self.state != self.STATE_OPEN:
            return
        transport, data = self.transport, batch.joined
        if not (transport.dataBuffer or transport._tempDataBuffer or transport.disconnecting):
            sent = transport.writeSomeData(data)
            if isinstance(sent, int):
                data = data[sent:]
        if data:
            transport.write(data)

    def close(self, code: int) -> None:
        if self.state == self.STATE_OPEN:
            # Not `sendClose`, which refuses what a server has to say: 1011, 1012, 1013.
            self.sendCloseFrame(code)


def with_backlog(endpoint: str) -> str:
    """A Twisted endpoint that lets `BACKLOG` connections wait, if it says nothing of it."""
    is_ours = endpoint.startswith(("tcp:", "unix:")) and "backlog=" not in endpoint
    return f"{endpoint}:backlog={BACKLOG}" if is_ours else endpoint


class Server(DaphneServer):
    endpoints: list[str]

    def run(self) -> None:
        WebSocketFactory.protocol = FrameProtocol  # Daphne has no setting for it
        self.endpoints = [with_backlog(place) for place in self.endpoints]
        reactor.seconds = time.monotonic  # or timers wait for hours after the clock is set back
        gc.freeze()
        gc.set_threshold(COLLECT_YOUNG, COLLECT_MIDDLE, COLLECT_OLD)
        super().run()

    def timeout_checker(self) -> None:
        """As Daphne's, a few sockets at a time: its pings to all at once would hold events up."""
        self._check_timeouts(list(self.connections))

    def _check_timeouts(self, protocols: list[Any]) -> None:
        for protocol in protocols[:CHECKED_AT_ONCE]:
            protocol.check_timeouts()
        if rest := protocols[CHECKED_AT_ONCE:]:
            reactor.callLater(0, self._check_timeouts, rest)
        else:
            reactor.callLater(2, self.timeout_checker)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if scope["type"] == "websocket":
            scope["extensions"] = {EXTENSION: protocol}
        elif is_unread(protocol.channel):
            return self._create_once_read(protocol, scope)
        return super().create_application(protocol, scope)

    @inlineCallbacks
    def _create_once_read(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Who sends request after request and reads nothing has one answer in memory, not all."""
        until = time.monotonic() + UNREAD
        while is_unread(protocol.channel):
            if time.monotonic() > until:
                protocol.channel.timeoutConnection()
                return None
            yield deferLater(reactor, 0.05)
        if protocol not in self.connections:
            return None
        return super().create_application(protocol, scope)


class CommandLine(CommandLineInterface):
    server_class = Server


if __name__ == "__main__":
    CommandLine().run(sys.argv[1:])
