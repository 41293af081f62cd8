"""The pages of hosts and servers as they are rendered: for their owner whole, for others not at
all."""

import html
import re
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from mcp_install import catalogue
from mcp_install.models import (
    Action,
    CatalogServer,
    Installation,
    McpServer,
    Source,
    SshHost,
    State,
)
from realtime.models import Job, Status
from tests.mcp_install.conftest import HostOf

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2OHb6ge3VVOlbOqR3MZZFJpwLBsV6C0jBaSu5Zw0xE"
FACTS = {
    "system": "Linux", "arch": "x86_64", "name": "Debian", "user": "me", "home": "/home/me",
    "shell": "/bin/bash", "free_mb": 2048, "has_venv": True,
    "python": {"version": "3.11.2", "path": "/usr/bin/python3"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    """Names without hashes: nothing was collected."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def mine(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


def shown(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def text_of(page: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def ready(host_of: HostOf, owner: User, **more: Any) -> SshHost:
    return host_of(owner, **({"host_key": KEY, "facts": FACTS} | more))


def server(host: SshHost, status: Status, state: State, **more: Any) -> McpServer:
    """A row with one run, that ended so."""
    made = McpServer.objects.create(
        owner=host.owner, host=host, name="org.example/server-a", title="Sayer",
        directory="/home/me/mcp", slug="server-a", state=state, **more,
    )  # fmt: skip
    run = Installation(owner=host.owner, server=made, action=Action.INSTALL, version="1.0.0")
    now = timezone.now()
    run.job = Job.objects.create(
        owner=host.owner, kind="mcp.install", subject=run.pk, status=status, attempt=1,
        queued_at=now, stage="EXECUTING", error="It went wrong." if status == "FAILED" else "",
    )  # fmt: skip
    run.save(force_insert=True)
    if state in (State.READY, State.BROKEN):
        made.active = run
        made.save()
    return made


@pytest.fixture
def time_server(db: None) -> CatalogServer:
    catalogue.load_shipped()
    return CatalogServer.objects.get(title="Time")


@pytest.mark.parametrize(
    "url", ["/hosts/", "/hosts/add/", "/servers/", "/servers/catalogue/", "/servers/part/"]
)
def test_a_stranger_is_asked_to_sign_in(client: Client, db: None, url: str) -> None:
    assert client.get(url).headers["Location"].startswith("/sign-in/?next=")


def test_nothing_of_mine_is_shown_to_bob(
    client: Client, ann: User, bob: User, host_of: HostOf, time_server: CatalogServer
) -> None:
    host = ready(host_of, ann, name="secret box")
    made = server(host, Status.DONE, State.READY)
    run = made.installations.get()
    pasted = catalogue.add_pasted(ann, '{"name": "org.example/hers", "version": "1"}')
    client.force_login(bob)
    for url in (
        f"/hosts/{host.pk}/", f"/hosts/{host.pk}/part/", f"/hosts/{host.pk}/change/",
        f"/servers/{made.pk}/", f"/servers/{made.pk}/part/", f"/servers/{made.pk}/upgrade/",
        f"/servers/runs/{run.pk}/", f"/servers/runs/{run.pk}/part/",
        f"/servers/catalogue/{pasted.pk}/", f"/servers/install/{pasted.pk}/",
    ):  # fmt: skip
        assert client.get(url).status_code == 404, url
    for url in (
        "/hosts/", "/hosts/add/", "/servers/", "/servers/catalogue/", "/activity/",
        f"/servers/install/{time_server.pk}/?host={host.pk}&directory=/x",
    ):  # fmt: skip
        page = shown(client, url)
        assert "secret box" not in page
        assert "Sayer" not in page
        assert "org.example/hers" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host_key": "", "facts": {}}, "New"),
        ({"host_key": "", "facts": {}, "offered_key": KEY}, "Is this your host?"),
        ({"offered_key": KEY}, "Stop: the host's key changed"),
        ({"facts": {}}, "Not tested yet"),
        ({}, "2.0 GB free"),
        ({"error_code": "auth_failed"}, "The host does not let you in"),
        ({"auth_method": "ask", "facts": {}}, "Password on the host"),
    ],
)
def test_each_state_of_a_host_is_told_in_words(
    mine: Client, ann: User, host_of: HostOf, fields: dict[str, Any], words: str
) -> None:
    host = ready(host_of, ann, **fields)
    assert words in text_of(shown(mine, f"/hosts/{host.pk}/"))
    shown(mine, "/hosts/")


def test_what_lets_in_is_on_no_page(mine: Client, ann: User, host_of: HostOf) -> None:
    host = ready(host_of, ann, password="only I know this")
    for url in (f"/hosts/{host.pk}/", f"/hosts/{host.pk}/change/", "/hosts/"):
        assert "only I know this" not in shown(mine, url)


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (Status.DONE, State.READY, "Ready"),
        (Status.FAILED, State.BROKEN, "Broken"),
        (Status.FAILED, State.NOT_INSTALLED, "Not installed It went wrong."),
        (Status.RUNNING, State.NOT_INSTALLED, "Installing"),
        (Status.QUEUED, State.READY, "Waiting"),
    ],
)
def test_each_state_of_a_server_is_told_in_words(
    mine: Client, ann: User, host_of: HostOf, status: Status, state: State, words: str
) -> None:
    made = server(ready(host_of, ann), status, state)
    assert words in text_of(shown(mine, "/servers/"))
    shown(mine, f"/servers/{made.pk}/")
    shown(mine, f"/servers/runs/{made.installations.get().pk}/")


def test_what_is_removed_is_in_no_list_and_its_page_says_so(
    mine: Client, ann: User, host_of: HostOf
) -> None:
    made = server(ready(host_of, ann), Status.DONE, State.REMOVED)
    assert "No servers yet" in shown(mine, "/servers/")
    assert "Uninstalled" in text_of(shown(mine, f"/servers/{made.pk}/"))


@pytest.mark.parametrize(
    ("fields", "query", "step"),
    [
        ({}, "", "host"),
        ({}, "?host={host}", "folder"),
        ({}, "?host={host}&directory=/x", "review"),
        ({}, "?host={host}&directory=/x&step=folder", "folder"),
        ({}, "?host={host}&directory=/x&step=host", "host"),
        ({}, "?directory=/x", "host"),
        ({}, "?host=nonsense&directory=/x&step=%00", "host"),
        ({"facts": {}}, "?host={host}&directory=/x", "host"),
        ({"offered_key": KEY}, "?host={host}&directory=/x", "host"),
        ({"auth_method": "ask"}, "?host={host}&directory=/x", "host"),
    ],
)
def test_the_wizard_is_at_the_first_step_whose_need_is_not_met(
    mine: Client, ann: User, host_of: HostOf, time_server: CatalogServer,
    fields: dict[str, Any], query: str, step: str,
) -> None:  # fmt: skip
    host = ready(host_of, ann, **fields)
    page = shown(mine, f"/servers/install/{time_server.pk}/{query.format(host=host.pk)}")
    here = re.search(r'aria-current="step">(\w+)', page)
    assert here
    assert here[1].lower() == step


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/", "//elsewhere.example", "javascript:a"]
)
def test_where_to_go_on_is_never_another_site(
    mine: Client, ann: User, host_of: HostOf, url: str
) -> None:
    host = ready(host_of, ann)
    for page in (f"/hosts/{host.pk}/", "/hosts/add/"):
        assert url not in html.unescape(shown(mine, f"{page}?next={url}"))
    assert 'href="/servers/"' in shown(mine, f"/hosts/{host.pk}/?next=/servers/")


def test_a_catalogue_is_searched(mine: Client, time_server: CatalogServer) -> None:
    assert shown(mine, "/servers/catalogue/").count('class="card entry"') == 6
    assert shown(mine, "/servers/catalogue/?q=zones").count('class="card entry"') == 1
    assert "No server matches" in shown(mine, "/servers/catalogue/?q=%00nothing&source=x&show=y")
    assert mine.get(f"/servers/catalogue/{uuid.uuid4()}/").status_code == 404


def test_text_of_strangers_is_text(mine: Client, ann: User) -> None:
    bad = "<img src=x onerror=alert(1)>"
    made = catalogue.put(
        {
            "name": "org.example/bad", "version": "1", "title": bad, "description": bad,
            "websiteUrl": "javascript:alert(1)", "repository": "not an object",
            "packages": [{"registryType": "pypi", "identifier": "a", "version": "1",
                          "environmentVariables": [{"name": "A", "description": bad}]}],
        },
        Source.IMPORT, ann,
    )  # fmt: skip
    for url in ("/servers/catalogue/", f"/servers/catalogue/{made.pk}/"):
        page = shown(mine, url)
        assert "<img" not in page
        assert 'href="javascript' not in page
