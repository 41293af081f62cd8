"""New versions: the old one answers questions until the new one is READY, and then it is gone."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from pytest_django import Settings

from chat import sessions
from documents.intake import Taken, remove, take_in
from documents.models import Document
from documents.sharing import share
from rag.ask import ask
from realtime import jobs
from realtime.models import Job, Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]
Events = Callable[[User], list[dict[str, object]]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def put(owner: User, how: str = "replace", name: str = "a.txt") -> Taken:
    return take_in(owner, ContentFile(b"words"), name, how)  # type: ignore[arg-type]


def begun(document: Document) -> Job:
    job = jobs.claim(str(document.job_id), "worker@here")
    assert job
    return job


def end(document: Document, status: Status = Status.DONE) -> Document:
    assert jobs.finish(begun(document), status)
    return document


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def told(events: Events, user: User, document: Document) -> list[object]:
    return [
        e.get("status") or e["role"] for e in events(user) if e["documentId"] == str(document.pk)
    ]


def test_the_old_one_stays_until_the_new_one_is_ready(
    ann: User, folder: Path, events_of: Events
) -> None:
    old = end(put(ann).document)
    new = put(ann, name="new.txt")
    assert new.duplicate_of == old.pk
    assert set(Document.objects.all()) == {old, new.document}
    assert Document.objects.get(pk=old.pk).replaced_by == new.document
    end(new.document)
    assert list(Document.objects.all()) == [new.document]
    assert stored(folder) == [Path(new.document.file.path)]
    assert told(events_of, ann, old)[-1] == "DELETED"
    assert told(events_of, ann, new.document)[-1] == "READY"


@pytest.mark.parametrize("how", [Status.FAILED, Status.CANCELLED])
def test_a_new_version_that_does_not_get_ready_leaves_the_old_one(ann: User, how: Status) -> None:
    old = end(put(ann).document)
    new = end(put(ann).document, how)
    assert set(Document.objects.all()) == {old, new}
    assert jobs.retry(Job.objects.get(pk=new.job_id))
    end(new)
    assert list(Document.objects.all()) == [new]


def test_a_new_version_that_is_removed_leaves_the_old_one_in_its_place(ann: User) -> None:
    old = end(put(ann).document)
    remove(put(ann).document)
    assert Document.objects.get() == old
    assert Document.objects.get().replaced_by is None


def test_an_old_one_that_is_still_in_work_goes_at_once(ann: User, events_of: Events) -> None:
    old = put(ann).document
    job = begun(old)
    new = put(ann)
    assert new.duplicate_of is None
    assert list(Document.objects.all()) == [new.document]
    assert not jobs.finish(job, Status.DONE)
    assert told(events_of, ann, old)[-1] == "DELETED"


def test_the_third_version_replaces_the_first_while_the_second_is_in_work(ann: User) -> None:
    first = end(put(ann).document)
    second = put(ann).document
    third = put(ann)
    assert third.duplicate_of == first.pk
    assert set(Document.objects.all()) == {first, third.document}
    assert second not in Document.objects.all()
    end(third.document)
    assert list(Document.objects.all()) == [third.document]


def test_all_that_were_kept_of_the_same_content_are_replaced(ann: User) -> None:
    end(put(ann).document)
    end(put(ann, "keep").document)
    new = end(put(ann).document)
    assert list(Document.objects.all()) == [new]


def test_who_saw_the_old_version_sees_the_new_one(ann: User, bob: User, events_of: Events) -> None:
    old = end(put(ann).document)
    share(old, "bob", "editor")
    new = end(put(ann).document)
    given = new.shares.get()
    assert (given.user, given.role) == (bob, "editor")
    assert told(events_of, bob, new) == ["editor", "READY"]
    assert told(events_of, bob, old)[-1] == "DELETED"


def test_what_was_limited_to_the_old_version_is_limited_to_the_new_one(ann: User) -> None:
    old = end(put(ann).document)
    query = ask(ann, "What?", [old.pk])
    session = sessions.begin(ann)
    sessions.set_up(session, document_ids=[old.pk])
    new = end(put(ann).document)
    assert list(query.documents.all()) == list(session.documents.all()) == [new]


def test_bob_replaces_nothing_of_anns(ann: User, bob: User) -> None:
    old = end(put(ann).document)
    end(put(bob).document)
    assert Document.objects.filter(pk=old.pk, replaced_by=None).exists()


def test_the_same_replaced_at_once_by_several_ends_as_one(ann: User, folder: Path) -> None:
    end(put(ann).document)
    barrier = threading.Barrier(4)

    def upload() -> None:
        barrier.wait()
        try:
            job = jobs.claim(str(put(ann).document.job_id), "worker@here")
            if job:  # else another has replaced it before it began
                jobs.finish(job, Status.DONE)
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Document.objects.count() == len(stored(folder)) == 1
    assert Document.objects.get().status == "READY"
