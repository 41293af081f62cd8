"""Folders as documents: what is new, changed, moved and gone since the last time."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from documents.models import Document
from documents.sync import Found, files, gone, sync_file
from realtime import jobs
from realtime.models import Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = tmp_path / "stored"
    folder = tmp_path / "given"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.txt").write_text("words")
    (folder / "inner" / "b.txt").write_text("other words")
    return folder


def sync(owner: User, folder: Path, *, delete: bool = False) -> list[tuple[str, str]]:
    found: list[Found] = [sync_file(owner, path) for path in files([folder])]
    found += gone(owner, [folder], delete=delete)
    return [(one.path.name, one.what) for one in found]


def end(document: Document) -> None:
    job = jobs.claim(str(document.job_id), "worker@here")
    assert job
    assert jobs.finish(job, Status.DONE)


def test_done_again_nothing_is_doubled(ann: User, folder: Path) -> None:
    assert sync(ann, folder) == [("a.txt", "new"), ("b.txt", "new")]
    assert sync(ann, folder) == [("a.txt", "same"), ("b.txt", "same")]
    assert Document.objects.count() == 2


def test_a_changed_file_replaces_its_document(ann: User, folder: Path) -> None:
    sync(ann, folder)
    old = Document.objects.get(name="a.txt")
    end(old)
    (folder / "a.txt").write_text("new words")
    assert sync(ann, folder)[0] == ("a.txt", "changed")
    assert sync(ann, folder)[0] == ("a.txt", "same")
    new = Document.objects.filter(name="a.txt").latest("created_at")
    assert Document.objects.filter(pk=old.pk, replaced_by=new).exists()
    end(new)
    assert Document.objects.get(name="a.txt") == new


def test_a_file_that_became_like_another_still_replaces_its_document(
    ann: User, folder: Path
) -> None:
    sync(ann, folder)
    (folder / "a.txt").write_text("other words")
    assert sync(ann, folder)[0] == ("a.txt", "changed")
    assert Document.objects.count() == 2
    assert Document.objects.values("sha256").distinct().count() == 1


def test_what_is_gone_is_told_and_stays_unless_it_is_to_be_deleted(
    ann: User, bob: User, folder: Path
) -> None:
    sync(ann, folder)
    sync(bob, folder)
    (folder / "inner" / "b.txt").unlink()
    assert sync(ann, folder) == [("a.txt", "same"), ("b.txt", "gone")]
    assert Document.objects.filter(owner=ann).count() == 2
    assert sync(ann, folder, delete=True) == [("a.txt", "same"), ("b.txt", "removed")]
    assert Document.objects.get(owner=ann).name == "a.txt"
    assert Document.objects.filter(owner=bob).count() == 2


def test_a_moved_file_keeps_its_document(ann: User, folder: Path) -> None:
    sync(ann, folder)
    document = Document.objects.get(name="b.txt")
    (folder / "inner" / "b.txt").rename(folder / "c.txt")
    assert sync(ann, folder, delete=True) == [("a.txt", "same"), ("c.txt", "moved")]
    assert Document.objects.get(pk=document.pk).name == "c.txt"


def test_a_folder_whose_name_another_begins_with_is_left_alone(ann: User, folder: Path) -> None:
    (folder / "inner 2").mkdir()
    (folder / "inner 2" / "c.txt").write_text("more words")
    sync(ann, folder)
    (folder / "inner 2" / "c.txt").unlink()
    assert list(gone(ann, [folder / "inner"], delete=True)) == []


def test_what_was_uploaded_by_hand_is_not_taken_over_nor_removed(ann: User, folder: Path) -> None:
    from_hand = sync_file(ann, folder / "a.txt").document
    assert from_hand
    Document.objects.update(source="")
    assert sync(ann, folder, delete=True) == [("a.txt", "there"), ("b.txt", "new")]
    assert Document.objects.filter(pk=from_hand.pk, source="").exists()
