"""A peer: the consumer that the Channels documentation teaches, one group for each user.

`LAYER=pubsub` or `LAYER=core` says which of channels_redis' layers is under it.
"""

import os
from urllib.parse import parse_qs

import django
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import channel_layers
from channels.routing import ProtocolTypeRouter
from channels_redis.core import RedisChannelLayer
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
django.setup()
if os.environ.get("LAYER") == "core":
    # It holds a connection for every socket; redis-py's own limit is 100.
    host = {"address": settings.REALTIME_REDIS_URL, "max_connections": 10_000}
    layer = RedisChannelLayer(hosts=[host], prefix="stock")
    channel_layers.set("default", layer)


class StockConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        user = parse_qs(self.scope["query_string"].decode())["user"][0]
        self.group = f"stock-{user}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def event(self, message: dict[str, object]) -> None:
        await self.send_json(message["event"])


application = ProtocolTypeRouter({"websocket": StockConsumer.as_asgi()})
