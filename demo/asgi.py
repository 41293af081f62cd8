"""The ASGI application: HTTP to Django, live events past it, by `/ws` or as Server-Sent Events."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
django_application: Any = get_asgi_application()

from realtime import sse
from realtime.consumers import EventConsumer

events: Any = EventConsumer.as_asgi()


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Between events and their reader is no middleware, which might compress or keep them."""
    answer = sse.server_sent_events if scope["path"] == sse.PATH else django_application
    await answer(scope, receive, send)


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    """There is one socket address; any other is refused."""
    if scope["path"] == "/ws":
        await events(scope, receive, send)
    else:
        await send({"type": "websocket.close"})


application = ProtocolTypeRouter({"http": http, "websocket": websocket})
