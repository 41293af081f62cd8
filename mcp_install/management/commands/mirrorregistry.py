"""`manage.py mirrorregistry URL`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mcp_install.mirror import Mirrored, NotARegistry, mirror


class Command(BaseCommand):
    help = "Copy a registry of MCP servers into the catalogue. Nothing is asked of it otherwise."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="where the registry is, without /v0")
        parser.add_argument("--cursor", default="", help="go on after this one of an earlier run")
        parser.add_argument("--since", default="", help="only what changed since (ISO 8601)")
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        done = Mirrored(options["cursor"])
        said = 0
        try:
            for done in mirror(options["url"], options["cursor"], options["since"]):
                said = self._say(done, said, as_json=options["json"])
        except NotARegistry as error:
            again = f" Go on with --cursor {done.cursor}" if done.cursor else ""
            raise CommandError(f"{error}{again}") from None

    def _say(self, done: Mirrored, said: int, *, as_json: bool) -> int:
        """How far it is, and what was refused since the last time; how many were, in all."""
        if as_json:
            line = {"taken": done.taken, "refused": done.refused[said:], "cursor": done.cursor}
            self.stdout.write(json.dumps(line))
        else:
            for words in done.refused[said:]:
                self.stderr.write(f"not taken: {words}")
            self.stdout.write(f"{done.taken} taken, {len(done.refused)} not")
        self.stdout.flush()
        return len(done.refused)
