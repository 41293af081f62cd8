"""The pages as the server renders them: for their owner whole, for others not at all."""

import json
import re
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from demo.static_files import import_map, modules
from documents.models import Chunk, Document, Page
from rag.models import Passage, Query
from realtime import log, tokens
from realtime.models import Job, Status


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    """Names without hashes: nothing was collected."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


def job(owner: User, kind: str, subject: uuid.UUID, **fields: Any) -> Job:
    now = timezone.now()
    times = {"queued_at": now, "started_at": now, "finished_at": now}
    return Job.objects.create(
        owner=owner, kind=kind, subject=subject, **{"status": Status.DONE, **times, **fields}
    )


def document(owner: User, name: str, *pages: str, **fields: Any) -> Document:
    made = Document(owner=owner, name=name, size=9, page_count=len(pages), chunk_count=1)
    made.job = job(owner, "documents.process", made.pk, **fields)
    made.save()
    start = 0
    for number, text in enumerate(pages, 1):
        Page.objects.create(document=made, number=number, start=start, text=text)
        start += len(text) + 1
    return made


def query(owner: User, answer: str, about: Document, **fields: Any) -> Query:
    made = Query(owner=owner, question="What is it?", answer=answer, answered_by="extractive")
    made.job = job(owner, "rag.answer", made.pk, **fields)
    made.save()
    Passage.objects.create(
        query=made, rank=1, document=about, document_name=about.name, page=1, page_to=2, start=4,
        end=9, text="found\nand more", score=0.5,
    )  # fmt: skip
    return made


@pytest.fixture
def mine(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


def shown(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize("url", ["/documents/", "/ask/", "/activity/", "/settings/", "/status/"])
def test_a_stranger_is_asked_to_sign_in_and_then_led_back(
    client: Client, db: None, url: str
) -> None:
    response = client.get(f"{url}?a=1")
    assert response.status_code == 302
    assert response.headers["Location"] == f"/sign-in/?next={url}%3Fa%3D1"


@pytest.mark.parametrize(
    "url", ["/documents/rows/", "/ask/past/", "/activity/part/", "/status/connections/"]
)
def test_a_part_of_a_page_is_refused_to_whom_was_signed_out(
    client: Client, db: None, url: str
) -> None:
    assert client.get(url, headers={"X-Part": "1"}).status_code == 401


def test_nothing_of_mine_is_shown_to_bob(client: Client, ann: User, bob: User) -> None:
    about = document(ann, "secret.txt", "The found.")
    asked = query(ann, "It is [1].", about)
    client.force_login(bob)
    for url in (f"/documents/{about.pk}/", f"/documents/{about.pk}/part/", f"/ask/{asked.pk}/"):
        assert client.get(url).status_code == 404
    for url in (
        "/documents/", f"/documents/rows/?id={about.pk}", "/ask/", "/activity/",
        f"/ask/?document={about.pk}", f"/activity/rows/?id={about.pk}",
    ):  # fmt: skip
        html = shown(client, url)
        assert "secret" not in html
        assert "What is it?" not in html


def test_a_page_says_which_events_it_already_holds(mine: Client, ann: User) -> None:
    log.append(ann.pk, b"{}")
    head = log.head(ann.pk)
    response = mine.get("/documents/")
    assert f'data-live-after="{head}"' in response.content.decode()
    assert response.headers["X-Live-After"] == head
    assert response.headers["Cache-Control"] == "private, no-store"


def test_each_state_of_a_document_is_told_in_words(mine: Client, ann: User) -> None:
    document(ann, "ready.txt", "Text")
    document(ann, "broken.pdf", status=Status.FAILED, stage="EXTRACTING", error="It is damaged.")
    document(ann, "stopped.pdf", status=Status.CANCELLED)
    document(
        ann, "working.pdf", status=Status.RUNNING, stage="EMBEDDING", progress=62,
        message="Embedding 120 of 148 chunks",
    )  # fmt: skip
    html = shown(mine, "/documents/")
    said = text_of(html)
    for words in (
        "Ready 1 chunk", "Failed while reading", "It is damaged.", "Cancelled",
        "Embedding 62 % 62 % Embedding 120 of 148 chunks",
    ):  # fmt: skip
        assert words in said
    assert '<progress max="100" value="62"' in html


def test_who_waits_is_told_how_many_are_before(mine: Client, ann: User) -> None:
    for number in range(3):
        document(ann, f"{number}.txt", status=Status.QUEUED, message="Waiting to start")
    said = text_of(shown(mine, "/documents/"))
    assert "Waiting" in said
    assert "1 before it" in said
    assert "2 before it" in said


def test_the_list_is_filtered_and_grows_on_demand(mine: Client, ann: User) -> None:
    for number in range(52):
        document(ann, f"number-{number}.txt", "Text")
    document(ann, "other.txt", status=Status.FAILED)
    first = shown(mine, "/documents/")
    assert first.count('class="row" id="row-') == 50
    assert "show=100" in first
    assert shown(mine, "/documents/?show=100").count('class="row" id="row-') == 53
    assert shown(mine, "/documents/?q=number-7").count('class="row" id="row-') == 1
    assert shown(mine, "/documents/?status=failed").count('class="row" id="row-') == 1
    assert "No document matches" in shown(mine, "/documents/?q=%00nothing&show=x")


def test_a_passage_is_marked_where_it_stands(mine: Client, ann: User) -> None:
    about = document(ann, "a.txt", "One <b>two</b> three")
    html = shown(mine, f"/documents/{about.pk}/?page=1&start=4&end=14")
    assert 'tabindex="-1">&lt;b&gt;two&lt;/b&gt;</mark> three' in html


def test_a_passage_over_two_pages_is_marked_on_both(mine: Client, ann: User) -> None:
    about = document(ann, "a.txt", "first page", "second page", "third page")
    html = shown(mine, f"/documents/{about.pk}/?page=1&start=6&end=17")
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", html) == ["page", "second"]
    assert "third" not in html


@pytest.mark.parametrize(
    "place", ["page=1&start=9&end=3", "page=1&start=x&end=3", "page=99", "start=0&end=5", "page=-1"]
)
def test_a_place_that_does_not_exist_still_shows_the_text(
    mine: Client, ann: User, place: str
) -> None:
    about = document(ann, "a.txt", "only page")
    assert "page" in shown(mine, f"/documents/{about.pk}/?{place}")


def test_the_chunks_lead_to_their_places(mine: Client, ann: User) -> None:
    about = document(ann, "a.txt", "first page", "second page")
    Chunk.objects.create(
        document=about, index=0, page=2, page_to=2, start=11, end=17, text="second"
    )
    html = shown(mine, f"/documents/{about.pk}/?view=chunks")
    assert "?page=2&amp;start=0&amp;end=6#passage" in html


def test_a_citation_opens_the_passage_and_its_continuation(mine: Client, ann: User) -> None:
    about = document(ann, "a.txt", "The found", "and more")
    asked = query(ann, "It is so [1].", about)
    html = shown(mine, f"/ask/{asked.pk}/")
    place = f"/documents/{about.pk}/?page=1&amp;start=4&amp;end=18#passage"
    assert f'class="citation" href="{place}"' in html
    assert "Quoted from your documents" in html
    followed = shown(mine, place.replace("&amp;", "&").split("#")[0])
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", followed) == ["found", "and more"]


def test_a_citation_of_a_removed_document_leads_to_its_card(mine: Client, ann: User) -> None:
    about = document(ann, "a.txt", "The found")
    asked = query(ann, "It is so [1].", about)
    about.delete()
    html = shown(mine, f"/ask/{asked.pk}/")
    assert 'class="citation" href="#source-1"' in html
    assert "(removed since)" in html


def test_an_answer_without_citations_is_not_called_a_quote(mine: Client, ann: User) -> None:
    asked = query(ann, "I found nothing.", document(ann, "a.txt", "The found"))
    said = text_of(shown(mine, f"/ask/{asked.pk}/"))
    assert "Nothing fitting in 1 passage" in said
    assert "Quoted" not in said


def test_an_answer_in_the_making_is_text_and_busy(mine: Client, ann: User) -> None:
    about = document(ann, "a.txt", "The found")
    asked = query(ann, "**Half** an ans", about, status=Status.RUNNING, stage="GENERATION")
    html = shown(mine, f"/ask/{asked.pk}/")
    assert '<div class="answer streaming" aria-busy="true">**Half** an ans</div>' in html
    assert "Stop" in html


def test_a_failed_answer_says_where_and_offers_to_retry(mine: Client, ann: User) -> None:
    about = document(ann, "a.txt", "The found")
    asked = query(
        ann, "", about, status=Status.FAILED, stage="GENERATION", error="The model is away."
    )
    said = text_of(shown(mine, f"/ask/{asked.pk}/"))
    assert "Failed while writing the answer. The model is away. Retry" in said


def test_activity_names_every_job_and_what_can_be_done(mine: Client, ann: User) -> None:
    about = document(ann, "a.txt", "The found")
    query(ann, "", about, status=Status.FAILED, error="The model is away.")
    job(ann, "documents.process", uuid.uuid4())
    said = text_of(shown(mine, "/activity/"))
    for words in ("Read a document", "a.txt", "Answer a question", "The model is away.", "Retry"):
        assert words in said
    assert "removed since" in said


def test_the_import_map_leads_every_module_to_one_url() -> None:
    imports = json.loads(import_map())["imports"]
    assert "realtime/socket.js" in modules()
    for name in modules():
        assert imports[name] == imports[f"/static/{name}"]


def test_signing_in_never_leads_to_another_site(client: Client, ann: User) -> None:
    response = client.post(
        "/sign-in/?next=https://elsewhere.example/", {"username": "ann", "password": "secret"}
    )
    assert response.headers["Location"] == "/"


def test_the_admin_keeps_its_scripts_and_nobody_else_does(admin_client: Client) -> None:
    policies = [
        admin_client.get(url).headers["Content-Security-Policy"] for url in ("/admin/", "/ask/")
    ]
    assert "script-src 'self'" in policies[0]
    assert "require-trusted-types-for" not in policies[0]
    assert "'strict-dynamic'" in policies[1]
    assert "trusted-types demo" in policies[1]


def test_the_settings_show_my_sessions_and_tokens_and_nobody_else_s(
    mine: Client, ann: User, bob: User
) -> None:
    other = Client()
    other.force_login(bob)
    tokens.make(ann, "annes program", ["read"])
    _, secret = tokens.make(bob, "bobs program", ["read"])
    page = shown(mine, "/settings/")
    assert page.count('id="session-') == 1
    assert "annes program" in page
    assert "bobs program" not in page
    assert secret not in shown(other, "/settings/")
    assert mine.cookies["sessionid"].value not in page


def test_a_password_that_cannot_be_taken_is_told_beside_its_field(mine: Client) -> None:
    form = {"old_password": "wrong", "new_password1": "a", "new_password2": "b"}
    page = mine.post("/settings/password/", form).content.decode()
    assert "was entered incorrectly" in page
    assert mine.get("/api/session").status_code == 200


STATUS = ["/status/", *(f"/status/{part}/" for part in ("connections", "system", "tests"))]


@pytest.mark.parametrize("url", [*STATUS, "/status/tests/rows/"])
def test_the_status_is_not_there_for_others_than_staff(mine: Client, ann: User, url: str) -> None:
    assert mine.get(url).status_code == 404
    assert "/status/" not in shown(mine, "/settings/")
    ann.is_staff = True
    ann.save()
    assert mine.get(url).status_code == 200
    assert "/status/" in shown(mine, "/settings/")


def test_the_status_tells_how_self_tests_of_mine_went(
    admin_client: Client, admin_user: User, ann: User
) -> None:
    for owner, fields in (
        (admin_user, {"timings": {"RESUMING": 40, "OPENING": 20}}),
        (admin_user, {"status": Status.FAILED, "stage": "RESUMING", "error": "Event 7 is lost."}),
        (ann, {"status": Status.FAILED, "error": "Not for others."}),
    ):
        job(owner, "realtime.self_test", uuid.uuid4(), **fields)
    said = text_of(shown(admin_client, "/status/tests/"))
    assert "Nothing lost" in said
    assert "Opening a line 20 ms Coming back 40 ms" in said
    assert "Failed Coming back: Event 7 is lost." in said
    assert "Not for others" not in said


def test_without_workers_the_status_says_so(admin_client: Client, admin_user: User) -> None:
    job(admin_user, "rag.answer", uuid.uuid4(), status=Status.QUEUED)
    said = text_of(shown(admin_client, "/status/system/"))
    for words in ("PostgreSQL answers", "Valkey answers", "none answers", "Waiting for a worker 1"):
        assert words in said
    assert "Longest wait" in said


def test_the_admin_leads_to_the_live_connections(admin_client: Client) -> None:
    assert 'href="/status/"' in shown(admin_client, "/admin/")
