"""How uploads come in and go, on real PostgreSQL and a real folder."""

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from documents.intake import NAME_LENGTH, Refused, Taken, clean_name, remove, take_in
from documents.models import Document
from realtime import jobs, publish
from realtime.models import Job, Status


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def put(owner: User, content: bytes = b"words", name: str = "a.txt", how: str = "skip") -> Taken:
    return take_in(owner, ContentFile(content), name, how)  # type: ignore[arg-type]


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\report.pdf", "report.pdf"),
        ("in\u200bvis\u202eible\u2066.txt", "invisible.txt"),
        ("a\x00b\x1b[31m.txt", "ab[31m.txt"),
        ("  many \n spaces\t.md ", "many spaces .md"),
        ("e\u0301te\u0301.pdf", "été.pdf"),
        ("漢字.pdf", "漢字.pdf"),
        ("..", "document"),
        ("", "document"),
        ("\u200b", "document"),
    ],
)
def test_a_name_is_kept_without_what_could_deceive(given: str, kept: str) -> None:
    assert clean_name(given) == kept


def test_a_long_name_is_cut_before_its_suffix() -> None:
    name = clean_name("n" * 400 + ".pdf")
    assert len(name) == NAME_LENGTH
    assert name.endswith("n.pdf")


def test_an_upload_is_stored_and_its_job_waits(ann: User, folder: Path) -> None:
    document = put(ann, b"words", "../notes.txt").document
    assert (document.name, document.size, document.status) == ("notes.txt", 5, "QUEUED")
    assert document.job.subject == document.pk
    assert Path(document.file.path).read_bytes() == b"words"
    assert len(document.sha256) == 64


def test_an_empty_file_is_refused_and_leaves_nothing(ann: User, folder: Path) -> None:
    with pytest.raises(Refused, match=r"The file is empty\."):
        put(ann, b"")
    assert not Document.objects.exists()
    assert not Job.objects.exists()
    assert not stored(folder)


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    ann: User, folder: Path, settings: Settings
) -> None:
    settings.MAX_UPLOAD_MB = 1
    put(ann, b"x" * 1024 * 1024)
    with pytest.raises(Refused, match="larger than 1 MB") as caught:
        put(ann, b"x" * (1024 * 1024 + 1))
    assert caught.value.too_large
    assert len(stored(folder)) == 1


def test_the_same_content_again_is_skipped_and_said_so(ann: User, folder: Path) -> None:
    first = put(ann).document
    again = put(ann, name="other name.txt")
    assert again.document == first
    assert again.duplicate_of == first.pk
    assert len(stored(folder)) == Document.objects.count() == Job.objects.count() == 1


def test_the_same_content_can_be_kept_twice(ann: User) -> None:
    first = put(ann).document
    again = put(ann, how="keep")
    assert again.document != first
    assert again.duplicate_of == first.pk


def test_bob_may_have_the_same_content(ann: User, bob: User) -> None:
    assert put(ann).document != put(bob).document
    assert put(bob).duplicate_of is not None


def test_removing_cancels_the_job_and_takes_the_file_away(
    ann: User,
    folder: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    document = put(ann).document
    with django_capture_on_commit_callbacks(execute=True):
        remove(document)
    assert not Document.objects.exists()
    assert Job.objects.get().status == Status.CANCELLED
    assert not stored(folder)


@pytest.mark.django_db(transaction=True)
def test_the_removal_is_the_last_that_is_told_of_a_document_in_work(
    ann: User, folder: Path, events_of: Callable[[User], list[dict[str, object]]]
) -> None:
    document = put(ann).document
    job = jobs.claim(str(document.job_id), "worker@here")
    assert job
    remove(document)
    assert Job.objects.get().status == Status.CANCELLED
    assert not jobs.finish(job, Status.DONE)
    jobs.announce(job, durable=False)
    assert [event["status"] for event in events_of(ann)] == ["QUEUED", "PROCESSING", "DELETED"]


def test_an_owner_with_documents_can_be_deleted(ann: User) -> None:
    put(ann)
    ann.delete()
    assert not Document.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_uploads_of_the_same_content_at_once_make_one_document(folder: Path) -> None:
    owner = User.objects.create_user("ann")
    barrier = threading.Barrier(4)
    taken: list[Taken] = []

    def upload() -> None:
        barrier.wait()
        try:
            taken.append(take_in(owner, io.BytesIO(b"the same"), "a.txt"))
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 4
    assert len({one.document.pk for one in taken}) == 1
    assert sum(one.duplicate_of is None for one in taken) == 1
    assert len(stored(folder)) == 1


def test_the_file_of_a_row_that_is_committed_is_never_deleted(
    folder: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "flush", lambda _: 1 / 0)
    owner = User.objects.create_user("ann")
    document = take_in(owner, io.BytesIO(b"words"), "a.txt").document
    assert Document.objects.get() == document
    assert len(stored(folder)) == 1
    remove(document)
    assert not stored(folder)
