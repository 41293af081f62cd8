"""The peer of `bench.realtime`: the consumer that the Channels documentation teaches."""

import os

import django
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
django.setup()

GROUP = "stock"


class StockConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def event(self, message: dict[str, object]) -> None:
        await self.send_json(message["event"])


application = ProtocolTypeRouter({"websocket": StockConsumer.as_asgi()})
