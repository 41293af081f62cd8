"""`manage.py rotatekeys`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mcp_install import seal


class Command(BaseCommand):
    help = (
        "Seal all stored credentials anew under the first of CREDENTIAL_KEYS. When it has ended "
        "well, and every process knows the new key, the older ones can be taken out."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done, lost = seal.rotate()
        self.stdout.write(f"{done} sealed anew.")
        if lost:
            places = "\n".join(lost)
            raise CommandError(
                f"{len(lost)} cannot be opened with any of CREDENTIAL_KEYS; put the key back that "
                f"they were sealed with, or have their owners enter them again:\n{places}"
            )
