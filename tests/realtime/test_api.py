"""Sign-in for programs, the snapshot, and errors as problem documents."""

import uuid
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from realtime import jobs, log
from tests.realtime.conftest import KIND

pytestmark = pytest.mark.django_db(transaction=True)
JSON = "application/json"


def sign_in(client: Client, password: str = "secret") -> Any:
    body = {"username": "ann", "password": password}
    return client.post("/api/session", body, content_type=JSON)


def test_a_program_signs_in_sees_its_session_and_signs_out(client: Client, ann: User) -> None:
    answer = sign_in(client).json()
    assert answer["userId"] == str(ann.pk)
    assert answer["username"] == "ann"
    assert answer["expiresIn"] > 0
    assert client.get("/api/session").json()["username"] == "ann"
    assert client.delete("/api/session").status_code == 204
    assert client.get("/api/session").status_code == 401


def test_a_wrong_password_is_a_problem_document(client: Client, ann: User) -> None:
    answer = sign_in(client, "wrong")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank", "title": "Wrong name or password", "status": 401,
    }  # fmt: skip


def test_a_form_on_a_foreign_page_cannot_sign_in(client: Client, ann: User) -> None:
    answer = client.post("/api/session", '{"username":"ann","password":"secret"}', "text/plain")
    assert answer.status_code in (415, 422)


def test_a_command_without_the_csrf_token_is_refused(ann: User) -> None:
    client = Client(enforce_csrf_checks=True)
    token = sign_in(client).json()["csrfToken"]
    assert client.post("/api/session/extend").status_code == 403
    answer = client.post("/api/session/extend", headers={"X-CSRFToken": token})
    assert answer.status_code == 200


def test_a_missing_field_is_named(client: Client) -> None:
    answer = client.post("/api/session", {"username": "ann"}, content_type=JSON)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["password"]


def test_the_snapshot_is_of_before_the_rows(client: Client, ann: User, valkey: redis.Redis) -> None:
    sign_in(client)
    job = jobs.create(ann, KIND, uuid.uuid4())
    head = log.head(ann.pk)
    answer = client.get("/api/realtime/snapshot").json()
    assert answer["asOf"] == head
    assert [entry["jobId"] for entry in answer["jobs"]] == [str(job.pk)]


def test_a_stranger_has_no_snapshot_and_bob_sees_only_his(
    client: Client, ann: User, bob: User, valkey: redis.Redis
) -> None:
    assert client.get("/api/realtime/snapshot").status_code == 401
    jobs.create(ann, KIND, uuid.uuid4())
    client.force_login(bob)
    assert client.get("/api/realtime/snapshot").json()["jobs"] == []


def test_the_api_describes_itself(client: Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert "/api/session" in paths
    assert "/api/realtime/snapshot" in paths


@pytest.mark.parametrize("name", ["a\0nn", "a\ud800nn"])
def test_a_name_that_no_database_keeps_is_not_valid(client: Client, ann: User, name: str) -> None:
    for body in ({"username": name, "password": "secret"}, {"username": "ann", "password": name}):
        answer = client.post("/api/session", body, content_type=JSON)
        assert answer.status_code == 422


def test_every_error_is_a_problem_document(
    client: Client, ann: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    client.raise_request_exception = False
    client.force_login(ann)
    monkeypatch.setattr(jobs, "active", lambda _: 1 / 0)
    answers = {
        404: client.get("/api/nothing"),
        405: client.delete("/api/realtime/snapshot"),
        413: client.post("/api/session", {"username": "x" * 3_000_000}, content_type=JSON),
        500: client.get("/api/realtime/snapshot"),
    }
    for status, answer in answers.items():
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer["Content-Type"] == "application/problem+json"
    assert answers[405]["Allow"] == "GET"
    assert client.get("/nothing/").status_code == 404
    assert "json" not in client.get("/nothing/")["Content-Type"]


def test_without_the_log_s_server_there_is_no_snapshot_now(
    client: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: int) -> str:
        raise redis.ConnectionError("refused")

    client.force_login(ann)
    monkeypatch.setattr(log, "head", away)
    assert client.get("/api/realtime/snapshot").status_code == 503


def test_live_events_are_described_and_need_asgi(client: Client, ann: User) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    described = paths["/api/realtime/events"]["get"]
    assert list(described["responses"]["200"]["content"]) == ["text/event-stream"]
    client.force_login(ann)
    assert client.get("/api/realtime/events").status_code == 501
