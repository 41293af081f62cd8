"""The ASGI application: HTTP to Django, `/ws` to the event socket."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
django_application = get_asgi_application()

from realtime.consumers import EventConsumer

events: Any = EventConsumer.as_asgi()


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    """There is one socket address; any other is refused."""
    if scope["path"] == "/ws":
        await events(scope, receive, send)
    else:
        await send({"type": "websocket.close"})


application = ProtocolTypeRouter({"http": django_application, "websocket": websocket})
