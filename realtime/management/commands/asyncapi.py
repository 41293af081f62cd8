"""`manage.py asyncapi`."""

import json
from typing import Any

from django.core.management.base import BaseCommand

from realtime import asyncapi


class Command(BaseCommand):
    help = "Print the AsyncAPI document of the realtime protocol, as JSON."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(asyncapi.document(), indent=2, ensure_ascii=False))
