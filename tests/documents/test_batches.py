"""Files that come in together: told of as one, and kept from piling up."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from documents import batches
from documents.intake import remove
from documents.models import Batch, Document
from realtime import jobs
from realtime.models import Job, Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "folder")]
URL = "/api/documents"
Events = Callable[[User], list[dict[str, Any]]]


@pytest.fixture
def mine(ann: User) -> Client:
    client = Client()
    client.force_login(ann)
    return client


def announced(client: Client, total: int) -> str:
    body = json.dumps({"total": total})
    made = client.post(f"{URL}/batches", body, content_type="application/json")
    assert made.status_code == 201
    return str(made.json()["batchId"])


def upload(client: Client, batch: str, *contents: bytes) -> Any:
    files = [SimpleUploadedFile("a.txt", content) for content in contents]
    return client.post(URL, {"file": files, "batchId": batch})


def end(document: Document, status: Status = Status.DONE) -> None:
    job = jobs.claim(str(document.job_id), "worker@here")
    assert job
    assert jobs.finish(job, status)


def told(events: Events, user: User) -> list[dict[str, Any]]:
    return [event for event in events(user) if event["type"] == "batch_progress"]


def test_a_batch_is_told_of_as_one_until_all_of_it_came_and_ended(
    mine: Client, ann: User, events_of: Events
) -> None:
    batch = announced(mine, 5)
    assert upload(mine, batch, b"one", b"two", b"one", b"").status_code == 202
    first, second = Document.objects.order_by("created_at")
    end(first)
    end(second, Status.FAILED)
    shown = mine.get(f"{URL}/batches/{batch}").json()
    assert shown == {
        "batchId": batch, "total": 5, "arrived": 4, "skipped": 1, "refused": 1, "lost": 0,
        "waiting": 0, "processing": 0, "ready": 1, "failed": 2, "cancelled": 0, "progress": 80,
        "ended": False,
    }  # fmt: skip
    assert not any(event.get("terminal") for event in told(events_of, ann))
    upload(mine, batch, b"three")
    end(Document.objects.latest("created_at"))
    last = told(events_of, ann)[-1]
    assert (last["terminal"], last["progress"], last["ready"], last["failed"]) == (True, 100, 2, 2)
    assert last["message"] == "2 of 5 ready, 2 failed, 1 there already"
    assert mine.get(f"{URL}/batches/{batch}").json()["ended"]


def test_it_is_told_of_at_most_twice_a_second_but_its_end_always_once(
    mine: Client, ann: User, events_of: Events
) -> None:
    batch = announced(mine, 20)
    upload(mine, batch, *(str(number).encode() for number in range(20)))
    Batch.objects.update(told_at=timezone.now() + timedelta(hours=1))
    before = len(told(events_of, ann))
    for document in Document.objects.all():
        end(document)
    batches.sweep()
    assert [event["terminal"] for event in told(events_of, ann)[before:]] == [True]


def test_a_process_that_died_before_it_told_the_end_is_made_up_for(
    mine: Client, ann: User, events_of: Events
) -> None:
    batch = announced(mine, 1)
    upload(mine, batch, b"one")
    Job.objects.update(status=Status.DONE)  # and nobody is told
    batches.sweep()
    assert told(events_of, ann)[-1]["terminal"]


def test_what_does_not_come_for_ten_minutes_is_given_up(
    mine: Client, ann: User, events_of: Events
) -> None:
    batch = announced(mine, 3)
    upload(mine, batch, b"one")
    Batch.objects.update(arrived_at=timezone.now() - timedelta(minutes=11))
    batches.sweep()
    assert not Batch.objects.get().ended_at  # one is in work
    end(Document.objects.get())
    assert told(events_of, ann)[-1]["terminal"]
    assert Batch.objects.get().ended_at


def lose(client: Client, batch: str, number: int, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    body = json.dumps({"number": number})
    url = f"{URL}/batches/{batch}/lost"
    return client.post(url, body, content_type="application/json", headers=headers)


def test_what_its_sender_says_is_lost_is_not_waited_for(
    mine: Client, ann: User, events_of: Events
) -> None:
    batch = announced(mine, 4)
    upload(mine, batch, b"one")
    end(Document.objects.get())
    for _ in range(2):  # sent again, it is the same
        answer = lose(mine, batch, 2, key="one")
        assert (answer.status_code, answer.json()["failed"]) == (202, 2)
    assert not Batch.objects.get().ended_at
    assert lose(mine, batch, 9).json()["failed"] == 3
    last = told(events_of, ann)[-1]
    assert (last["terminal"], last["message"]) == (True, "1 of 4 ready, 3 not sent")
    assert (last["failed"], last["refused"]) == (3, 3)


def test_a_file_that_comes_after_it_was_said_to_be_lost_is_not_lost(
    mine: Client, ann: User, events_of: Events
) -> None:
    batch = announced(mine, 4)
    upload(mine, batch, b"")
    lose(mine, batch, 3)
    upload(mine, batch, b"one", b"two")
    shown = mine.get(f"{URL}/batches/{batch}").json()
    counts = {name: shown[name] for name in ("total", "arrived", "refused", "lost", "failed")}
    assert counts == {"total": 4, "arrived": 4, "refused": 2, "lost": 1, "failed": 2}
    upload(mine, batch, b"three", b"four")  # and one that was not announced
    shown = mine.get(f"{URL}/batches/{batch}").json()
    assert (shown["total"], shown["arrived"], shown["lost"]) == (5, 5, 0)


@pytest.mark.parametrize("number", [0, -1, 100_001])
def test_a_number_of_lost_files_that_cannot_be_is_refused(mine: Client, number: int) -> None:
    assert lose(mine, announced(mine, 2), number).status_code == 422


def test_what_is_refused_is_counted_also_under_an_idempotency_key(
    mine: Client, ann: User, events_of: Events
) -> None:
    batch = announced(mine, 1)
    for _ in range(2):
        fields = {"file": SimpleUploadedFile("a.txt", b""), "batchId": batch}
        answer = mine.post(URL, fields, headers={"Idempotency-Key": "one"})
        assert answer.status_code == 202
        assert answer.json()["documents"][0]["error"] == "The file is empty."
    last = told(events_of, ann)[-1]
    assert (last["terminal"], last["arrived"], last["failed"]) == (True, 1, 1)


def test_it_is_cancelled_as_a_whole(mine: Client, ann: User, events_of: Events) -> None:
    batch = announced(mine, 9)
    upload(mine, batch, b"one", b"two")
    end(Document.objects.earliest("created_at"))
    answer = mine.post(f"{URL}/batches/{batch}/cancel")
    assert answer.status_code == 202
    assert (answer.json()["cancelled"], answer.json()["ready"], answer.json()["ended"]) == (
        1, 1, True,
    )  # fmt: skip
    assert told(events_of, ann)[-1]["message"] == "1 of 2 ready, 1 cancelled"


def test_a_document_that_is_removed_is_not_waited_for(mine: Client, ann: User) -> None:
    batch = announced(mine, 1)
    upload(mine, batch, b"one")
    remove(Document.objects.get())
    batches.sweep()
    assert Batch.objects.get().ended_at


def test_bob_and_a_stranger_find_nothing_of_it(mine: Client, bob: User, events_of: Events) -> None:
    batch = announced(mine, 1)
    client = Client()
    assert client.get(f"{URL}/batches/{batch}").status_code == 401
    client.force_login(bob)
    assert client.get(f"{URL}/batches/{batch}").status_code == 404
    assert client.post(f"{URL}/batches/{batch}/cancel").status_code == 404
    assert lose(client, batch, 1).status_code == 404
    assert upload(client, batch, b"one").status_code == 404
    assert upload(client, str(uuid.uuid4()), b"one").status_code == 404
    assert told(events_of, bob) == []


def test_who_has_very_much_waiting_is_asked_to_come_later(
    mine: Client, ann: User, bob: User, settings: Settings
) -> None:
    settings.MAX_QUEUED_DOCUMENTS = 2
    batch = announced(mine, 3)
    upload(mine, batch, b"one", b"two")
    answer = upload(mine, batch, b"three")
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    assert answer.json()["detail"].startswith("2 documents of ann wait.")
    client = Client()
    client.force_login(bob)
    assert client.post(URL, {"file": SimpleUploadedFile("a.txt", b"x")}).status_code == 202
    end(Document.objects.filter(owner=ann).earliest("created_at"))
    assert upload(mine, batch, b"three").status_code == 202
