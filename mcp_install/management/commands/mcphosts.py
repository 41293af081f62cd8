"""`manage.py mcphosts list|add|test|trust|remove --owner NAME`."""

import getpass
import json
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from mcp_install import ask_worker, hosts
from mcp_install.host_states import HostState, host_state, tested
from mcp_install.hosts import Auth, checked_auth
from mcp_install.models import SshHost
from mcp_install.troubles import Trouble, as_dict

PROGRAMS = ("python", "uv", "node", "npm", "docker", "git")


class Command(BaseCommand):
    help = "A person's SSH hosts: list, add, test, trust (confirm the key), remove."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("list", "add", "test", "trust", "remove"))
        parser.add_argument("name", nargs="?", help="the host's name, for all but list")
        parser.add_argument("address", nargs="?", help="USER@HOST[:PORT], for add")
        parser.add_argument("--owner", required=True, help="whose hosts")
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument("--key", type=Path, metavar="FILE", help="a private key, for add")
        ways.add_argument("--password", action="store_true", help="ask for the password now")
        ways.add_argument("--ask", action="store_true", help="ask each time, and keep nothing")
        parser.add_argument("--jump", help="the name of the host to go through, for add")
        parser.add_argument("--fingerprint", help="as compared on the host, for trust")
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        try:
            self.owner = User.objects.get(username=options["owner"])
        except User.DoesNotExist:
            raise CommandError(f"There is no user {options['owner']}.") from None
        if options["action"] != "list" and not options["name"]:
            raise CommandError(f"Say which: manage.py mcphosts {options['action']} NAME …")
        try:
            getattr(self, f"_{options['action']}")(options)
        except Trouble as trouble:
            if self.as_json:
                self.stdout.write(json.dumps(as_dict(trouble)))
            raise CommandError(str(trouble)) from None

    def _list(self, options: dict[str, Any]) -> None:
        rows = SshHost.objects.filter(owner=self.owner)
        if self.as_json:
            for host in rows:
                self._line(host)
            return
        table = Table("name", "where", "status", "system", "has", "fingerprint", box=None)
        for host in rows:
            told = host_state(host)
            facts = told["facts"] or {}
            has = [name for name in PROGRAMS if facts.get(name)]
            where = f"{host.username}@{host.hostname}:{host.port}"
            table.add_row(
                host.name, where, told["status"], facts.get("name", ""), " ".join(has),
                told["fingerprint"] or "",
            )  # fmt: skip
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]

    def _add(self, options: dict[str, Any]) -> None:
        username, _, place = (options["address"] or "").rpartition("@")
        hostname, colon, port = place.rpartition(":")
        if not colon or place.endswith("]") or (":" in hostname.strip("[]") and "[" not in place):
            hostname, port = place, "22"
        if not (username and place and port.isdecimal()):
            raise CommandError("Say where: manage.py mcphosts add NAME USER@HOST[:PORT] …")
        host = hosts.add(
            self.owner,
            self._auth(options),
            name=options["name"],
            username=username,
            hostname=hostname.strip("[]"),
            port=int(port),
            jump=self._host(options["jump"]) if options["jump"] else None,
        )
        self._say(host, f"{host.name} is added. Next: manage.py mcphosts test {host.name}")

    def _test(self, options: dict[str, Any]) -> None:
        host = self._host(options["name"])
        if options["key"] or options["password"]:
            hosts.hold(host, self._auth(options))
        found = tested(host, self._tested(host))
        if not host.is_trusted:
            self._say(
                host,
                f"{host.name} shows {found['fingerprint']} ({found['key_type']}). Compare it with "
                f"what this says there: {found['compare_with']}\n"
                f"Then: manage.py mcphosts trust {host.name} --fingerprint …",
            )
            return
        facts = found["facts"]
        has = ", ".join(f"{name} {facts[name]['version']}" for name in PROGRAMS if facts[name])
        self._say(
            host,
            f"{host.name} let you in after {found['latency_ms']} ms: {facts['name']}, "
            f"{facts['arch']}, {facts['free_mb']} MB free; {has}",
        )

    def _trust(self, options: dict[str, Any]) -> None:
        host = self._host(options["name"])
        if not options["fingerprint"]:
            raise CommandError("Give the --fingerprint that you compared on the host itself.")
        is_changed = bool(host.host_key and host.offered_key)
        password = self._secret(f"Password of {self.owner} here: ") if is_changed else SecretStr("")
        plain = password.get_secret_value()
        host = hosts.trust(host, self.owner, options["fingerprint"], plain)
        self._say(host, f"{host.name} is trusted. Next: manage.py mcphosts test {host.name}")

    def _remove(self, options: dict[str, Any]) -> None:
        host = self._host(options["name"])
        hosts.remove(host)
        self.stdout.write(json.dumps({"name": host.name}) if self.as_json else "Removed.")

    def _host(self, name: str) -> SshHost:
        try:
            return SshHost.objects.get(owner=self.owner, name=name)
        except SshHost.DoesNotExist:
            raise CommandError(f"{self.owner} has no host {name}.") from None

    def _tested(self, host: SshHost) -> int:
        latency: int = ask_worker.test(host)["latency_ms"]
        host.refresh_from_db()
        return latency

    def _auth(self, options: dict[str, Any]) -> Auth:
        """What lets in is read from the terminal or from standard input, never from arguments."""
        if not options["key"]:
            password = self._secret("Password there: ") if options["password"] else None
            return checked_auth(password, None, None, ask=options["ask"])
        try:
            key = SecretStr(options["key"].read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['key']} cannot be read: {error}") from None
        try:
            return checked_auth(None, key, None, ask=False)
        except Trouble as trouble:
            if trouble.code != "passphrase_needed":
                raise
        return checked_auth(None, key, self._secret("Passphrase of the key: "), ask=False)

    def _secret(self, question: str) -> SecretStr:
        if sys.stdin.isatty():
            return SecretStr(getpass.getpass(question))
        return SecretStr(sys.stdin.readline().rstrip("\n"))

    def _say(self, host: SshHost, words: str) -> None:
        if self.as_json:
            self._line(host)
        else:
            self.stdout.write(words)

    def _line(self, host: SshHost) -> None:
        told = HostState(**host_state(host))
        self.stdout.write(told.model_dump_json(by_alias=True))
