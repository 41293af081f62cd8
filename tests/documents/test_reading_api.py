"""Passwords, other cuts, and pages as pictures: over HTTP, and as a worker answers them."""

import io
import uuid
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from documents import passwords, pictures
from documents.draw import draw, preview_cut
from documents.intake import remove, take_in
from documents.models import Document
from documents.process import process
from documents.signals import chunked
from realtime.broker import broker
from realtime.models import Job, Status
from realtime.work import Failure, SilentReport
from tests.documents import samples
from tests.documents.conftest import signed_in

TEXT = "The beekeeper of Gotland sells honey. " * 60


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT, settings.PICTURES_ROOT = tmp_path / "files", tmp_path / "pictures"
    monkeypatch.setattr(chunked, "receivers", [])


def done(owner: User, content: bytes, name: str) -> Document:
    document = take_in(owner, ContentFile(content), name).document
    process(document.pk, SilentReport())
    Job.objects.filter(pk=document.job_id).update(status=Status.DONE, progress=100, attempt=1)
    return Document.objects.get(pk=document.pk)


def locked(owner: User) -> Document:
    content = ContentFile(samples.pdf("Secret words.", password="bees"))
    document = take_in(owner, content, "a.pdf").document
    with pytest.raises(Failure, match="protected by a password"):
        process(document.pk, SilentReport())
    Job.objects.filter(pk=document.job_id).update(status=Status.FAILED, attempt=1)
    return Document.objects.get(pk=document.pk)


def url(document: Document, *parts: object) -> str:
    return "/".join(["/api/documents", str(document.pk), *map(str, parts)])


def post(client: Client, path: str, body: dict[str, object]) -> int:
    return client.post(path, body, content_type="application/json").status_code


def test_a_protected_pdf_is_read_with_the_password_that_is_asked_for(ann: User) -> None:
    document, client = locked(ann), signed_in(ann)
    assert client.get(url(document)).json()["needsPassword"]
    assert post(client, url(document, "password"), {"password": "bees"}) == 202
    document.job.refresh_from_db()
    assert document.status == "QUEUED"
    assert process(document.pk, SilentReport()) == "1 chunk from 1 page"
    document.refresh_from_db()
    assert not document.needs_password
    assert [page.text.strip() for page in document.pages.all()] == ["Secret words."]


def test_a_password_is_sealed_while_it_waits_and_gone_when_it_was_used(ann: User) -> None:
    document = locked(ann)
    passwords.keep(document, "wasps in July")
    kept = broker().get(passwords._key(document))
    assert isinstance(kept, bytes)
    assert b"wasps" not in kept
    with pytest.raises(Failure, match="password is not right"):
        process(document.pk, SilentReport())
    assert not broker().exists(passwords._key(document))


def test_a_password_is_taken_only_where_one_is_needed(ann: User) -> None:
    document, client = done(ann, b"Some words.", "a.txt"), signed_in(ann)
    assert post(client, url(document, "password"), {"password": "bees"}) == 409
    assert post(client, url(document, "password"), {"password": ""}) == 422


def test_a_document_is_cut_otherwise_without_being_read_again(ann: User) -> None:
    document, client = done(ann, TEXT.encode(), "a.txt"), signed_in(ann)
    before = document.chunk_count
    Path(document.file.path).unlink()
    body: dict[str, object] = {"chunkTokens": 64, "chunkOverlap": 0}
    assert post(client, url(document, "reprocess"), body) == 202
    assert post(client, url(document, "reprocess"), body) == 409
    process(document.pk, SilentReport())
    document.refresh_from_db()
    assert document.chunk_count > 2 * before
    assert client.get(url(document)).json()["chunkTokens"] == 64
    for chunk in document.chunks.all():
        assert TEXT[chunk.start : chunk.end] == chunk.text


def test_a_document_is_read_again_when_it_is_asked_for(ann: User) -> None:
    document = done(ann, b"Some words.", "a.txt")
    Path(document.file.path).write_bytes(b"Other words.")
    assert post(signed_in(ann), url(document, "reprocess"), {"reread": True}) == 202
    process(document.pk, SilentReport())
    assert [page.text for page in document.pages.all()] == ["Other words."]
    assert [chunk.text for chunk in document.chunks.all()] == ["Other words."]


@pytest.mark.parametrize("body", [{"chunkTokens": 9}, {"chunkTokens": 999}, {"chunkOverlap": 200}])
def test_what_cannot_be_cut_so_is_refused(ann: User, body: dict[str, object]) -> None:
    document = done(ann, b"Some words.", "a.txt")
    answer = signed_in(ann).post(url(document, "reprocess"), body, content_type="application/json")
    assert answer.status_code == 422
    assert "tokens" in answer.json()["detail"]


def test_others_can_do_nothing_of_this(ann: User, bob: User) -> None:
    document = done(ann, samples.pdf(TEXT), "a.pdf")
    for client, status in ((signed_in(bob), 404), (Client(), 401)):
        assert post(client, url(document, "password"), {"password": "bees"}) == status
        assert post(client, url(document, "reprocess"), {}) == status
        for path in ("preview", "pages/1/picture", "pages/1/boxes?start=0&end=5"):
            assert client.get(url(document, path)).status_code == status


def test_a_preview_is_what_the_chunks_would_be(ann: User) -> None:
    document = done(ann, TEXT.encode(), "a.txt")
    found = preview_cut(str(document.pk), document.chunk_tokens, document.chunk_overlap, 1)
    assert found["is_all"]
    assert [(each["start"], each["text"]) for each in found["chunks"]] == list(
        document.chunks.values_list("start", "text")
    )
    assert len(preview_cut(str(document.pk), 64, 0, 1)["chunks"]) > len(found["chunks"])


def test_a_page_is_drawn_with_the_lines_of_a_passage(ann: User) -> None:
    document = done(ann, samples.pdf("First line.\nThe bees.", "Another page."), "a.pdf")
    text = document.pages.get(number=1).text
    start = text.index("The bees.")
    found = draw(str(document.pk), 1, 800, start, start + len("The bees."))
    (left, top, right, bottom) = found["boxes"][0]
    picture = Image.open(pictures.picture_path(document.pk, 1, 800)).convert("L")
    assert picture.width == 800
    box = (left * 800, top * picture.height, right * 800, bottom * picture.height)
    assert picture.crop(tuple(map(round, box))).getextrema()[0] < 100  # there are letters
    picture.paste(255, tuple(map(round, (box[0] - 2, box[1] - 4, box[2] + 2, box[3] + 4))))
    above = picture.crop((0, 0, 800, round(box[1]) - 4)).getextrema()[0]
    below = picture.crop((0, round(box[1]) - 4, 800, picture.height)).getextrema()[0]
    assert above < 100  # the first line
    assert below > 200  # nothing else was on the second


def test_a_picture_is_served_to_its_owner(ann: User) -> None:
    document = done(ann, samples.pdf("Words."), "a.pdf")
    draw(str(document.pk), 1, 800, 0, 0)
    answer = signed_in(ann).get(url(document, "pages/1/picture?width=700"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(answer.content)).width == 800
    assert signed_in(ann).get(url(document, "pages/2/picture")).status_code == 404


def test_what_cannot_be_drawn_says_why(ann: User) -> None:
    assert draw(str(uuid.uuid4()), 1, 800, 0, 0) == {"error": "The document was deleted."}
    document = done(ann, samples.pdf("Words."), "a.pdf")
    assert draw(str(document.pk), 9, 800, 0, 0) == {"error": "There is no such page."}
    text = done(ann, b"Some words.", "a.txt")
    with pytest.raises(pictures.NoPicture, match="Only the pages of a PDF"):
        pictures.picture(text, 1, 800)


def test_pictures_go_with_their_document_or_with_time(
    ann: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    first, second = (done(ann, samples.pdf(f"Words {n}."), f"{n}.pdf") for n in "ab")
    for document in (first, second):
        draw(str(document.pk), 1, 800, 0, 0)
    with django_capture_on_commit_callbacks(execute=True):
        remove(first)
    assert not pictures.picture_path(first.pk, 1, 800).exists()
    pictures.tidy()
    assert pictures.picture_path(second.pk, 1, 800).exists()
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)
    pictures.tidy()
    assert not pictures.picture_path(second.pk, 1, 800).exists()
