"""The page of a document that was read: as it looks, cut, protected, in part."""

import pytest
from django.contrib.auth.models import User

from tests.documents import samples
from tests.documents.test_reading_api import done, folders, locked, signed_in
from tests.test_pages import plain_static_files

__all__ = ["folders", "plain_static_files"]  # fixtures
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def test_the_page_of_a_pdf_shows_it_as_it_looks_above_its_text(ann: User) -> None:
    document, client = done(ann, samples.pdf("The bees.", "Page two."), "a.pdf"), signed_in(ann)
    shown = client.get(f"/documents/{document.pk}/?page=1&start=4&end=8").content.decode()
    assert f'<page-picture data-url="/api/documents/{document.pk}/pages/1"' in shown
    assert 'data-start="4" data-end="8"' in shown
    assert ">bees</mark>" in shown
    as_text = client.get(f"/documents/{document.pk}/?view=text").content.decode()
    assert "page-picture data" not in as_text
    cut = client.get(f"/documents/{document.pk}/?view=chunks").content.decode()
    assert 'name="tokens" type="number" min="32" max="250" value="220"' in cut


def test_the_page_of_a_protected_document_asks_for_the_password(ann: User) -> None:
    document = locked(ann)
    shown = signed_in(ann).get(f"/documents/{document.pk}/").content.decode()
    assert f'data-url="/api/documents/{document.pk}/password"' in shown


def test_a_page_with_a_name_and_what_was_left_out_are_shown(ann: User) -> None:
    packed = samples.archive({"notes/a.txt": "Words.", "cut.pdf": samples.pdf("x")[:200]})
    document = done(ann, packed, "a.zip")
    shown = signed_in(ann).get(f"/documents/{document.pk}/").content.decode()
    assert "<bdi>notes/a.txt</bdi>" in shown
    assert "1 note on how it was read" in shown
    assert "cut.pdf: The PDF is damaged" in shown
