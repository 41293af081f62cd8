"""The pages of shared documents, as each sees them; and shares in the admin."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from documents.models import Collection, Document, Share
from documents.sharing import share, unshare
from realtime.models import Status
from tests.test_pages import document, plain_static_files, shown, text_of

__all__ = ["plain_static_files"]  # a fixture
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def commands(html: str, pk: object) -> set[str]:
    """What buttons do to the document itself."""
    return {
        found[0] or found[1]
        for found in re.findall(rf'data-action="(?:POST /api/documents/{pk}/(\w+)|(DELETE) '
                                rf'/api/documents/{pk})"', html)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("role", "failed", "running"),
    [
        ("owner", {"retry", "DELETE"}, {"cancel", "DELETE"}),
        ("editor", {"retry"}, {"cancel"}),
        ("viewer", set(), set()),
    ],
)
def test_each_is_offered_what_they_may_do(
    ann: User, mine: Client, bobs: Client, role: Any, failed: set[str], running: set[str]
) -> None:
    client = mine if role == "owner" else bobs
    for status, offered in ((Status.FAILED, failed), (Status.RUNNING, running)):
        about = document(ann, "a.txt", "Text", status=status)
        if role != "owner":
            share(about, "bob", role)
        for url in (f"/documents/{about.pk}/", "/documents/"):
            assert commands(shown(client, url), about.pk) == offered, url


def test_whose_it_is_stands_in_the_list_and_on_the_page(
    ann: User, mine: Client, bobs: Client
) -> None:
    about = document(ann, "a.txt", "Text")
    share(about, "bob", "viewer")
    assert "Shared by ann" in text_of(shown(bobs, "/documents/"))
    page = shown(bobs, f"/documents/{about.pk}/")
    assert "Shared by ann · you are a viewer" in text_of(page)
    assert "Share a.txt" not in text_of(page)
    assert "Ask about this" not in page
    assert f'data-topic="document:{about.pk}"' in page
    own = shown(mine, f"/documents/{about.pk}/")
    assert "Shared by" not in own
    assert "Share a.txt" in text_of(own)
    assert "Shared with 1 person" in text_of(own)


def test_a_document_says_with_how_many_its_collection_is_shared(
    ann: User, bob: User, mine: Client
) -> None:
    trips = Collection.objects.create(owner=ann, name="Trips")
    about = document(ann, "a.txt", "Text")
    Document.objects.update(collection=trips)
    assert "Shared with nobody" in text_of(shown(mine, f"/documents/{about.pk}/"))
    share(trips, "bob", "viewer")
    assert "Shared with 1 with Trips" in text_of(shown(mine, f"/documents/{about.pk}/"))
    share(about, "bob", "viewer")
    assert "Shared with 1 person, 1 with Trips" in text_of(shown(mine, f"/documents/{about.pk}/"))


def test_the_people_it_is_shared_with_are_shown_to_its_owner_alone(
    ann: User, mine: Client, bobs: Client
) -> None:
    about = document(ann, "a.txt", "Text")
    url = f"/documents/{about.pk}/shares/"
    assert "Nobody but you" in shown(mine, url)
    assert bobs.get(url).status_code == 404
    assert Client().get(url).status_code == 302
    share(about, "bob", "editor")
    assert 'aria-label="Role of bob"' in shown(mine, url)
    assert bobs.get(url).status_code == 403


def test_bob_asks_a_shared_document_as_long_as_it_is_shared(ann: User, bobs: Client) -> None:
    about = document(ann, "a.txt", "Text")
    made, _ = share(about, "bob", "viewer")
    body = {"question": "Why?", "documentIds": [str(about.pk)]}

    def asked() -> int:
        return bobs.post("/api/rag/queries", body, content_type="application/json").status_code

    assert asked() == 202
    unshare(about, made)
    assert asked() == 404
    assert "a.txt" not in shown(bobs, f"/ask/?document={about.pk}")


def test_staff_take_back_in_the_product_s_way(
    ann: User, bob: User, bobs: Client, settings: Settings, events_of: Any
) -> None:
    about = document(ann, "a.txt", "Text")
    made, _ = share(about, "bob", "viewer")
    bob.is_staff = True
    bob.save()
    bob.user_permissions.add(Permission.objects.get(codename="view_share"))
    chosen = {"action": "take_back", "_selected_action": [str(made.pk)]}
    assert bobs.get("/admin/documents/share/").status_code == 200
    bobs.post("/admin/documents/share/", chosen)
    assert Share.objects.exists()
    bob.user_permissions.add(Permission.objects.get(codename="delete_share"))
    bobs.post("/admin/documents/share/", chosen)
    assert not Share.objects.exists()
    assert events_of(bob)[-1]["role"] == "none"
    assert Document.objects.exists()
