"""My sessions and my programs' tokens over HTTP; what a token may do, and what never."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from demo.account import device_words
from realtime import tasks
from realtime.models import ApiToken, Session
from tests.realtime.people import device, key_of, program

pytestmark = pytest.mark.django_db(transaction=True)
JSON = "application/json"


def make(client: Client, **body: Any) -> Any:
    return client.post("/api/tokens", {"name": "ci", "scopes": ["read"]} | body, content_type=JSON)


def test_a_sign_in_notes_the_device(ann: User) -> None:
    client = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0" + "x" * 300})
    body = {"username": "ann", "password": "secret"}
    client.post("/api/session", body, content_type=JSON)
    session = Session.objects.get()
    assert (session.user, session.ip, len(session.user_agent)) == (ann, "127.0.0.1", 200)
    [shown] = client.get("/api/sessions").json()["sessions"]
    assert shown["current"]
    assert shown["sessionId"] == str(session.pk)
    assert key_of(client) not in client.get("/api/sessions").content.decode()


def test_a_session_is_seen_once_a_minute(ann: User) -> None:
    client, session = device(ann)
    client.get("/api/session")
    assert Session.objects.get().last_seen_at == session.last_seen_at
    before = timezone.now() - timedelta(minutes=2)
    Session.objects.update(last_seen_at=before)
    client.get("/api/session")
    assert Session.objects.get().last_seen_at > before + timedelta(minutes=1)


def test_the_seconds_left_are_those_of_the_row_until_it_is_extended(ann: User) -> None:
    client, _ = device(ann)
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=100))
    assert 95 <= client.get("/api/session").json()["expiresIn"] <= 100
    assert client.post("/api/session/extend").json()["expiresIn"] > 10_000
    assert client.get("/api/session").json()["expiresIn"] > 10_000


def test_ann_ends_her_other_sessions_and_none_of_bob_s(ann: User, bob: User) -> None:
    (here, _), (there, session), (bobs, other) = device(ann), device(ann), device(bob)
    assert len(here.get("/api/sessions").json()["sessions"]) == 2
    assert here.delete(f"/api/sessions/{other.pk}").status_code == 404
    assert here.delete(f"/api/sessions/{session.pk}").status_code == 204
    assert there.get("/api/session").status_code == 401
    device(ann)
    assert here.delete("/api/sessions").status_code == 204
    assert [s["current"] for s in here.get("/api/sessions").json()["sessions"]] == [True]
    assert bobs.get("/api/session").status_code == 200


def test_sessions_of_an_earlier_password_are_not_shown(ann: User) -> None:
    device(ann)
    ann.set_password("another")
    ann.save()
    here, session = device(ann)
    [shown] = here.get("/api/sessions").json()["sessions"]
    assert shown["sessionId"] == str(session.pk)


def test_a_stranger_has_no_sessions_and_no_tokens(client: Client, db: None) -> None:
    assert client.get("/api/sessions").status_code == 401
    assert client.get("/api/tokens").status_code == 401
    assert make(client).status_code == 401


def test_a_sign_in_changes_the_key_and_keeps_the_row(ann: User) -> None:
    client = Client()
    visitor = client.session  # of somebody who has not signed in
    visitor["seen"] = True
    visitor.save()
    row, before = Session.objects.get(), key_of(client)
    client.force_login(ann)
    assert Session.objects.get().pk == row.pk
    assert key_of(client) != before
    assert client.session["seen"]


def test_a_token_is_shown_once_and_kept_as_a_hash(ann: User) -> None:
    client, _ = device(ann)
    made = make(client, expiresInDays=3)
    assert made.status_code == 201
    token = made.json()["token"]
    assert token not in str(ApiToken.objects.values_list().get())
    [listed] = client.get("/api/tokens").json()["tokens"]
    assert "token" not in listed
    assert token.startswith(listed["prefix"])
    assert listed["expiresAt"]


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"scopes": []}, {"scopes": ["root"]}, {"expiresInDays": 0}, {"name": "a\0"}],
)
def test_what_no_token_can_be_is_named(ann: User, wrong: dict[str, Any]) -> None:
    answer = make(device(ann)[0], **wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_a_token_reads_and_writes_as_it_may(client: Client, ann: User, valkey: redis.Redis) -> None:
    reading, _ = program(ann, "read")
    writing, _ = program(ann, "write")
    ask = {"question": "Why?"}
    strict = Client(enforce_csrf_checks=True)  # which a token does not need
    assert strict.get("/api/realtime/snapshot", headers=reading).status_code == 200
    refused = strict.post("/api/rag/queries", ask, content_type=JSON, headers=reading)
    assert refused.status_code == 403
    assert "write" in refused.json()["detail"]
    assert strict.get("/api/realtime/snapshot", headers=writing).status_code == 403
    accepted = strict.post("/api/rag/queries", ask, content_type=JSON, headers=writing)
    assert accepted.status_code not in (401, 403)


def test_a_wrong_or_expired_token_is_nobody_even_with_a_cookie(ann: User) -> None:
    client, _ = device(ann)
    expired, _ = program(ann, expires_at=timezone.now() - timedelta(seconds=1))
    for headers in (expired, {"Authorization": "Bearer wk_nonsense"}):
        assert client.get("/api/documents", headers=headers).status_code == 401
        answer = client.post("/api/rag/queries", {}, content_type=JSON, headers=headers)
        assert answer.status_code == 401


def test_a_token_manages_neither_tokens_nor_sessions(ann: User) -> None:
    client, session = device(ann)
    headers, pk = program(ann)
    for url in ("/api/tokens", "/api/sessions", "/api/session"):
        assert client.get(url, headers=headers).status_code == 403
    for url in (f"/api/tokens/{pk}", f"/api/sessions/{session.pk}", "/api/sessions"):
        assert client.delete(url, headers=headers).status_code == 403
    assert client.post("/api/session/extend", headers=headers).status_code == 403


def test_a_token_is_revoked_by_its_owner_only(client: Client, ann: User, bob: User) -> None:
    headers, pk = program(ann)
    assert device(bob)[0].delete(f"/api/tokens/{pk}").status_code == 404
    assert client.get("/api/documents", headers=headers).status_code == 200
    assert device(ann)[0].delete(f"/api/tokens/{pk}").status_code == 204
    assert client.get("/api/documents", headers=headers).status_code == 401


def test_expired_sessions_are_forgotten(ann: User) -> None:
    device(ann)
    _, old = device(ann)
    Session.objects.filter(pk=old.pk).update(expire_date=timezone.now() - timedelta(seconds=1))
    tasks.forget()
    assert not Session.objects.filter(pk=old.pk).exists()
    assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537", "Chrome on Android"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("", "Unknown device"),
    ],
)  # fmt: skip
def test_a_device_is_told_in_words(agent: str, words: str) -> None:
    assert device_words(agent) == words
