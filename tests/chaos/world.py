"""The product under a proxy on each of its two lines: to its tabs, and to Valkey."""

import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from demo import env
from tests.chaos.figures import Figures
from tests.chaos.proxy import Proxy
from tests.stack import LiveStack, until

PEOPLE = ("ann", "bob")
SESSIONS, TABS_OF_SESSION = 2, 6  # of each person; 24 tabs in all


@dataclass(frozen=True)
class TabOf:
    """A tab of a session. Its name begins with the person's."""

    name: str
    cookie: str
    userId: str
    quiet: bool = False


class World:
    """`url` is where tabs find the product; `figures` is what the scenes measured."""

    def __init__(self, folder: Path, figures: list[Figures], **environment: str) -> None:
        folder.mkdir()
        self.folder, self.figures = folder, figures
        self.log_line, self.tab_line = Proxy(self._valkey_address), Proxy(self._web_address)
        self.web_port = 0  # of another web server than the stack's, if not 0
        password = env.generated_secret(folder / "valkey-password")
        self.url = f"http://localhost:{self.tab_line.port}"
        self.stack = LiveStack(
            folder,
            ALLOWED_ORIGINS=self.url,
            REALTIME_REDIS_URL=f"redis://:{password}@127.0.0.1:{self.log_line.port}/0",
            **environment,
        )
        self.clients: list[tuple[str, httpx.Client]] = []

    def make_people(self) -> None:
        self.stack.make_users()
        self.sign_in()

    def close(self) -> None:
        self._sign_off()
        self.stack.stop()
        self.tab_line.close()
        self.log_line.close()

    def _valkey_address(self) -> tuple[str, int]:
        """Raises OSError before it was ever started."""
        configuration = (self.folder / "valkey/valkey.conf").read_text()
        found = re.search(r"^port (\d+)$", configuration, re.MULTILINE)
        assert found
        return "127.0.0.1", int(found[1])

    def _web_address(self) -> tuple[str, int]:
        return "127.0.0.1", self.web_port or self.stack.port

    # --- People -------------------------------------------------------------------------------
    def sign_in(self) -> None:
        """Begin the sessions of all people anew."""
        self._sign_off()
        self.clients = [(name, self.stack.client(name)) for name in PEOPLE for _ in range(SESSIONS)]
        self.admin = self.stack.client("admin")

    def _sign_off(self) -> None:
        for _, client in self.clients:
            client.close()
        if self.clients:
            self.admin.close()

    def tabs(self) -> list[TabOf]:
        return [
            tab
            for number, (name, client) in enumerate(self.clients)
            for tab in tabs_of(f"{name}-{number}", client, TABS_OF_SESSION)
        ]

    def snapshot(self, name: str) -> dict[str, Any]:
        """The snapshot of a person, now. Raises httpx.HTTPError."""
        client = next(client for owner, client in self.clients if owner == name)
        answer = client.get(f"{self.url}/api/realtime/snapshot")
        shown: dict[str, Any] = answer.raise_for_status().json()
        return shown

    def gaps(self) -> Counter[str]:
        """How often this web process found events that it was not told of, by what found them."""
        told = self.admin.get(f"{self.url}/metrics").raise_for_status().text
        counts = re.findall(r'^realtime_gaps_total\{source="(\w+)"\} (\d+)', told, re.MULTILINE)
        return Counter({source: int(count) for source, count in counts})

    def sql(self, statement: str, *values: Any) -> list[Any]:
        url = self.stack.running()["environment"]["DATABASE_URL"]
        with psycopg.connect(url) as database:
            cursor = database.execute(statement, values)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def outbox(self) -> int:
        """How many events wait there."""
        return int(self.sql("SELECT count(*) FROM realtime_outboxevent")[0][0])

    # --- Processes ----------------------------------------------------------------------------
    def process(self, words: str) -> psutil.Process:
        """The oldest process of the stack whose command line has these words."""
        return self.stack.processes(words)[0]

    def kill(self, words: str) -> None:
        self.process(words).send_signal(signal.SIGKILL)

    @contextmanager
    def unattended(self) -> Iterator[None]:
        """Nothing that dies inside is restarted before the end."""
        self.stack.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.stack.process.send_signal(signal.SIGCONT)

    @property
    def valkey_data(self) -> Path:
        return self.folder / "valkey/appendonlydir"

    def kill_valkey(self, data: Path | None) -> None:
        """And let it come back with other data: a copy of what it once had, or nothing."""
        with self.unattended():
            valkey = self.process("valkey-server")
            valkey.send_signal(signal.SIGKILL)
            until(lambda: valkey.status() == psutil.STATUS_ZOMBIE)
            shutil.rmtree(self.valkey_data)
            if data:
                shutil.copytree(data, self.valkey_data)


def tabs_of(name: str, client: httpx.Client, count: int, *, quiet: bool = False) -> list[TabOf]:
    user_id = client.get("/api/session").raise_for_status().json()["userId"]
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return [TabOf(f"{name}-{number}", cookie, user_id, quiet) for number in range(count)]
