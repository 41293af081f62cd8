"""A document and the people it is shared with: what each is told, and where they meet."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from documents.access import who_may_be_there
from documents.models import Document
from documents.sharing import share, unshare
from realtime import jobs
from realtime.models import Job, Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "folder")]

URL = "/api/documents"
Events = Callable[[User], list[dict[str, Any]]]


def job_of(document: Document) -> Job:
    return Job.objects.get(pk=document.job_id)


def told(events: Events, user: User) -> list[tuple[str, str]]:
    """Of each event its type, and its role or status."""
    return [(str(e["type"]), str(e.get("role") or e["status"])) for e in events(user)]


# --- What each is told ----------------------------------------------------------------------------
def test_the_person_and_the_owner_are_told_of_every_change(
    ann: User, bob: User, document: Document, events_of: Events
) -> None:
    before = len(events_of(ann))
    for role in ("viewer", "viewer", "editor"):
        made, _ = share(document, "bob", role)  # type: ignore[arg-type]
    unshare(document, made)
    unshare(document, made)
    changes = [("document_shared", role) for role in ("viewer", "editor", "none")]
    stands = ("document_status", "PROCESSING")
    assert told(events_of, bob) == [changes[0], stands, *changes[1:]]
    assert told(events_of, ann)[before:] == changes
    event = events_of(bob)[-1]
    assert {name: event[name] for name in ("documentId", "userId", "username")} == {
        "documentId": str(document.pk), "userId": str(bob.pk), "username": "bob",
    }  # fmt: skip


def test_who_it_is_shared_with_hears_of_its_work_until_it_is_taken_back(
    bob: User, document: Document, events_of: Events
) -> None:
    carol = User.objects.create_user("carol")
    made, _ = share(document, "bob", "viewer")
    job = job_of(document)
    assert jobs.finish(job, Status.FAILED, error="It is damaged.")
    assert told(events_of, bob)[2:] == [("document_status", "FAILED")]
    unshare(document, made)
    assert jobs.retry(job)
    assert told(events_of, bob)[3:] == [("document_shared", "none")]
    assert told(events_of, carol) == []


def test_a_late_word_of_an_older_attempt_reaches_nobody(
    bob: User, document: Document, events_of: Events
) -> None:
    share(document, "bob", "viewer")
    late = job_of(document)
    assert jobs.finish(late, Status.FAILED, error="It is damaged.")
    jobs.announce(late, durable=False)
    assert told(events_of, bob)[2:] == [("document_status", "FAILED")]


def test_a_removed_document_is_gone_for_everybody(
    mine: Client, ann: User, bob: User, document: Document, events_of: Events
) -> None:
    share(document, "bob", "editor")
    assert mine.delete(f"{URL}/{document.pk}").status_code == 204
    assert told(events_of, bob)[-1] == told(events_of, ann)[-1] == ("document_status", "DELETED")


def test_nobody_misses_the_change_that_is_under_way(
    bob: User, document: Document, events_of: Events
) -> None:
    """A worker ends the job while it is being shared: bob is told of it, or sees it at once."""
    is_held, seen = threading.Event(), []

    def shares() -> None:
        is_held.wait(10)
        share(document, "bob", "viewer")
        seen.append(job_of(document).status)
        connection.close()

    thread = threading.Thread(target=shares)
    thread.start()
    with transaction.atomic():
        assert jobs.finish(job_of(document), Status.FAILED, error="It is damaged.")
        is_held.set()
        thread.join(0.3)
        assert not seen
    thread.join(10)
    assert seen == [Status.FAILED]
    assert told(events_of, bob) == [("document_shared", "viewer"), ("document_status", "FAILED")]


def test_what_is_removed_meanwhile_is_not_shared(bob: User, document: Document) -> None:
    Document.objects.filter(pk=document.pk).delete()
    with pytest.raises(Document.DoesNotExist):
        share(document, "bob", "viewer")


# --- Where people meet ----------------------------------------------------------------------------
def test_at_a_document_may_be_who_may_see_it(ann: User, bob: User, document: Document) -> None:
    carol, pk = User.objects.create_user("carol"), str(document.pk)
    share(document, "bob", "viewer")
    asked = [(pk, user.pk) for user in (ann, bob, carol)] + [(str(uuid.uuid4()), ann.pk)]
    assert who_may_be_there(asked) == {(pk, ann.pk), (pk, bob.pk)}
    User.objects.filter(pk__in=(ann.pk, bob.pk)).update(is_active=False)
    assert who_may_be_there(asked) == set()


def test_who_it_is_taken_from_is_sent_away(
    bob: User, document: Document, valkey: redis.Redis
) -> None:
    made, _ = share(document, "bob", "viewer")
    here = f"rt:{{document:{document.pk}}}:members"
    valkey.zadd(here, {f"{bob.pk}:here:bob": 1e15, f"{document.owner_id}:here:ann": 1e15})
    unshare(document, made)
    assert valkey.zrange(here, 0, -1) == [f"{document.owner_id}:here:ann".encode()]


def test_from_a_removed_document_everybody_is_sent_away(
    mine: Client, document: Document, valkey: redis.Redis
) -> None:
    here = f"rt:{{document:{document.pk}}}:members"
    valkey.zadd(here, {f"{document.owner_id}:here:ann": 1e15})
    mine.delete(f"{URL}/{document.pk}")
    assert not valkey.exists(here)
