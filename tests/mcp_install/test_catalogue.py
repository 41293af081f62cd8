"""What can be installed: what came along, what was pasted, what a registry told of."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from mcp_install import catalogue
from mcp_install.models import CatalogServer, EntryStatus, Source
from mcp_install.server_json import parse
from mcp_install.troubles import Trouble
from tests.mcp_install.test_plan import file

SHIPPED = {"time", "fetch", "git", "everything", "filesystem", "memory"}


def test_six_servers_come_along_and_are_loaded_once(ann: User) -> None:
    catalogue.load_shipped()
    catalogue.load_shipped()
    rows = list(catalogue.search(ann))
    assert {row.name.rpartition("server-")[2] for row in rows} == SHIPPED
    assert all(catalogue.why_not(row) is None for row in rows)
    assert all(row.version == row.server_json["packages"][0]["version"] for row in rows)


def test_a_newer_version_that_comes_along_takes_the_older_one_s_place(ann: User) -> None:
    catalogue.put(file(version="1.0.0"), Source.BUILTIN)
    newer = catalogue.put(file(version="1.1.0"), Source.BUILTIN)
    assert list(catalogue.search(ann)) == [newer]
    assert catalogue.versions(newer) == ["1.1.0", "1.0.0"]
    assert catalogue.find(ann, "server-x", "1.0.0").version == "1.0.0"
    assert catalogue.find(ann, "x", "0.9.0") == newer  # which then installs that version


def test_what_was_pasted_is_its_owner_s_alone(ann: User, bob: User) -> None:
    pasted = catalogue.add_pasted(ann, json.dumps(file()))
    catalogue.add_pasted(ann, json.dumps(file(title="again")))
    assert list(catalogue.search(ann)) == [pasted]
    assert not catalogue.search(bob)
    assert catalogue.find(ann, str(pasted.pk)) == pasted
    for name in (str(pasted.pk), pasted.name, "x", "no such server"):
        with pytest.raises(CatalogServer.DoesNotExist):
            catalogue.find(bob, name)


def test_what_was_pasted_comes_before_what_came_along(ann: User, bob: User) -> None:
    catalogue.put(file(), Source.REGISTRY)
    shipped = catalogue.put(file(), Source.BUILTIN)
    pasted = catalogue.add_pasted(ann, json.dumps(file()))
    assert catalogue.find(ann, "io.github.me/server-x") == pasted
    assert catalogue.find(bob, "io.github.me/server-x") == shipped


def test_all_words_are_looked_for(ann: User) -> None:
    catalogue.load_shipped()
    assert [row.title for row in catalogue.search(ann, "zones TIME")] == ["Time"]
    assert not catalogue.search(ann, "time nonsense")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "name: Field required"),
        (json.dumps(file(name="no reverse dns")), "name: "),
        (json.dumps(file(packages="all")), "packages: "),
        (json.dumps(file({"packageArguments": [{"type": "odd"}]})), "packageArguments.0.type"),
        (json.dumps(file(description="a\0b")), "characters that no text has"),
        (json.dumps(file(more="x" * 70_000)), "longer than 64 KiB"),
    ],
)
def test_what_is_no_server_json_is_refused_with_the_field(ann: User, text: str, words: str) -> None:
    with pytest.raises(Trouble) as raised:
        catalogue.add_pasted(ann, text)
    assert raised.value.code == "bad_server_json"
    assert words in str(raised.value)


def test_older_files_are_brought_into_the_form_of_today() -> None:
    old = {
        "name": "io.github.me/x", "version": "1.0.0", "website_url": "https://example.org",
        "packages": [{
            "registry_type": "npm", "identifier": "x", "version": "1.0.0",
            "environment_variables": [{
                "name": "X", "is_required": True, "is_secret": True,
                "variables": {"is_required": {"is_secret": True}},
            }],
            "runtime_hint": "npx", "unknown_key": 1,
        }],
        "_meta": {"some_key": {"is_required": 1}},
    }  # fmt: skip
    server, whole = parse({"server": old})
    variable = server.packages[0].environment_variables[0]
    assert (variable.is_required, variable.is_secret) == (True, True)
    assert whole["packages"][0]["environmentVariables"][0]["variables"] == {
        "is_required": {"isSecret": True}
    }
    assert whole["_meta"] == old["_meta"]
    assert whole["packages"][0]["unknown_key"] == 1


def test_what_a_registry_took_back_is_shown_and_not_installed(ann: User) -> None:
    row = catalogue.put(file(), Source.REGISTRY, status=EntryStatus.DEPRECATED)
    assert list(catalogue.search(ann)) == [row]
    trouble = catalogue.why_not(row)
    assert trouble
    assert (trouble.code, trouble.detail) == ("not_installable", "deprecated")


# --- A registry, the remote end -----------------------------------------------------------------
class Registry:
    """Answers as its pages say, by cursor."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                registry.asked.append({"path": parts.path, **asked})
                page = registry.pages.get(asked.get("cursor", ""))
                self.send_response(200 if page is not None else 500)
                self.end_headers()
                body = page if isinstance(page, bytes) else json.dumps(page).encode()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.server.shutdown()
    made.server.server_close()


def entry(number: int, **told: Any) -> dict[str, Any]:
    official = {"io.modelcontextprotocol.registry/official": told} if told else {}
    return {"server": file(name=f"io.example/server-{number}"), "_meta": official}


def mirror(registry: Registry, *options: str) -> str:
    said = io.StringIO()
    call_command("mirrorregistry", registry.url, *options, stdout=said, stderr=said)
    return said.getvalue()


def test_a_registry_is_mirrored_by_its_cursor_in_either_spelling(
    ann: User, registry: Registry
) -> None:
    old = {"status": "deleted", "isLatest": False, "publishedAt": "2026-01-02T03:04:05Z"}
    registry.pages = {
        "": {"servers": [entry(1), entry(2)], "metadata": {"nextCursor": "a b"}},
        "a b": {"servers": [entry(3), {"server": {"name": "bad"}}, 7],
                "metadata": {"next_cursor": "c"}},
        "c": {"servers": [entry(4, **old)], "metadata": {"count": 1}},
    }  # fmt: skip
    said = mirror(registry, "--since", "2026-01-01T00:00:00Z")
    assert [page.get("cursor") for page in registry.asked] == [None, "a b", "c"]
    assert {page["updated_since"] for page in registry.asked} == {"2026-01-01T00:00:00Z"}
    assert {page["path"] for page in registry.asked} == {"/v0/servers"}
    assert "not taken: bad: name:" in said
    assert said.endswith("4 taken, 2 not\n")
    assert {row.name for row in catalogue.search(ann)} == {f"io.example/server-{n}" for n in "123"}
    gone = CatalogServer.objects.get(name="io.example/server-4")
    assert (gone.source, gone.status, gone.is_latest) == ("registry", "deleted", False)
    assert gone.published_at
    assert gone.published_at.year == 2026
    mirror(registry)
    assert CatalogServer.objects.count() == 4


def test_a_mirror_that_was_cut_off_says_where_to_go_on(db: None, registry: Registry) -> None:
    registry.pages = {"": {"servers": [entry(1)], "metadata": {"nextCursor": "b"}}}
    with pytest.raises(CommandError, match=r"answers with status 500\. Go on with --cursor b"):
        mirror(registry)
    registry.pages["b"] = {"servers": [entry(2)], "metadata": {}}
    assert json.loads(mirror(registry, "--cursor", "b", "--json"))["taken"] == 1
    assert CatalogServer.objects.count() == 2


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"<html>", "does not send JSON"),
        ([], "does not send a list"),
        ({"servers": {}}, "does not send a list"),
        (b" " * (17 * 1024 * 1024), "sends more than"),
    ],
)
def test_what_is_no_registry_is_told(db: None, registry: Registry, page: Any, words: str) -> None:
    registry.pages = {"": page}
    with pytest.raises(CommandError, match=words):
        mirror(registry)


def test_a_registry_that_goes_round_and_one_that_is_away_are_told(
    db: None, registry: Registry
) -> None:
    again: dict[str, Any] = {"servers": [], "metadata": {"nextCursor": "x"}}
    registry.pages = {"": again, "x": again}
    with pytest.raises(CommandError, match="again and again"):
        mirror(registry)
    registry.url = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match="cannot be read"):
        mirror(registry)
    registry.url = "http://["
    with pytest.raises(CommandError, match="cannot be read"):
        mirror(registry)
