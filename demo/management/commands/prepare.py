"""`manage.py prepare`: what has to be there before the first request."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand

from demo import env
from demo.static_files import collect
from mcp_install.catalogue import load_shipped


class Command(BaseCommand):
    help = "Collect static files, migrate the database, load the catalogue, make a first user."

    def handle(self, *args: Any, **options: Any) -> None:
        collect()
        call_command("migrate", verbosity=0, interactive=False)
        load_shipped()
        password = env.text("DEMO_PASSWORD")
        if password and not User.objects.exists():
            User.objects.create_superuser("admin", "", password)
            self.stdout.write("created admin")
