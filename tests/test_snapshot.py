"""Applying events to an old snapshot gives the same as a fresh one."""

import random
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client as Browser
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from documents.intake import take_in
from rag.ask import ask
from rag.process import AnswerWriter
from realtime import jobs
from realtime.log import Position
from realtime.work import Report
from tests.histories import Client, History

pytestmark = pytest.mark.django_db(transaction=True)
Events = list[dict[str, Any]]
EventsOf = Callable[[User], Events]
STEPS = [
    *("ask", "cancel", "remove", "lose", "end", "say late"),
    *2 * ("ask", "upload", "retry", "look"),
    *4 * ("claim", "say"),
    *6 * ("write",),
]
SHARING = [*STEPS, *3 * ("share", "upload"), *2 * ("take back",)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path


@contextmanager
def somebody() -> Iterator[tuple[User, Browser]]:
    user, browser = User.objects.create(username=uuid.uuid4().hex), Browser()
    browser.force_login(user)
    yield user, browser
    user.delete()


def look(browser: Browser) -> dict[str, Any]:
    answer = browser.get("/api/realtime/snapshot")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def after(
    old: dict[str, Any], user: User, told: Events, *, back: int = 0, twice: bool = False
) -> Any:
    """What a client holds that began with an old snapshot; `back` events are from before it, as if
    the rows had been read so much later than the head."""
    client = Client(old, user)
    for event in told[max(0, Position.parse(old["asOf"]).offset - back) :]:
        client.apply(event)
        if twice:
            client.apply(event)
    return client.state


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    history=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5000)), min_size=40),
    back=st.integers(0, 30),
)
def test_an_old_snapshot_and_what_came_after_are_a_fresh_one(
    events_of: EventsOf, history: list[tuple[str, int]], back: int
) -> None:
    with somebody() as (user, browser):
        person, snapshots = History(user), [look(browser)]
        for name, number in history:
            if name == "look":
                snapshots.append(look(browser))
            else:
                person.steps[name](number)
        told, fresh = events_of(user), Client(look(browser), user).state
        for old in snapshots:
            assert after(old, user, told) == fresh
            assert after(old, user, told, back=back) == fresh
            assert after(old, user, told, twice=True) == fresh


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    history=st.lists(st.tuples(st.sampled_from(SHARING), st.integers(0, 5000)), min_size=50),
    back=st.integers(0, 30),
)
def test_so_it_is_for_who_is_shared_with(
    events_of: EventsOf, history: list[tuple[str, int]], back: int
) -> None:
    with somebody() as (owner, _), somebody() as (user, browser):
        person, snapshots = History(owner, user), [look(browser)]
        for name, number in history:
            if name == "look":
                snapshots.append(look(browser))
            else:
                person.steps[name](number)
        told, fresh = events_of(user), Client(look(browser), user).state
        for old in snapshots:
            assert after(old, user, told) == fresh
            assert after(old, user, told, back=back) == fresh


@pytest.mark.parametrize("seed", range(5))
def test_a_snapshot_that_is_taken_while_things_happen_misses_none(
    events_of: EventsOf, seed: int
) -> None:
    def happen(person: History) -> None:
        chance = random.Random(seed)
        try:
            for name in chance.choices([step for step in STEPS if step != "look"], k=120):
                person.steps[name](chance.randrange(5000))
        finally:
            connection.close()

    with somebody() as (user, browser), ThreadPoolExecutor(1) as elsewhere:
        happening, snapshots = elsewhere.submit(happen, History(user)), [look(browser)]
        while not happening.done():
            snapshots.append(look(browser))
        happening.result()
        told, fresh = events_of(user), Client(look(browser), user).state
        assert len({old["asOf"] for old in snapshots}) > 3
        for old in snapshots:
            assert after(old, user, told) == fresh


def writing(owner: User, text: str) -> None:
    """A question whose answer is being written."""
    query = ask(owner, "What is a bee?")
    job = jobs.claim(str(query.job_id), "worker@here")
    assert job
    report = Report(job)
    writer = AnswerWriter(query, report)
    writer.begin()
    report("GENERATION", 70, "Generating response")
    writer.add(text)


def test_a_snapshot_holds_the_events_themselves_and_texts_whole(
    ann: User, events_of: EventsOf
) -> None:
    browser, text = Browser(), "A bee 🐝 is an insect. " * 2000
    browser.force_login(ann)
    writing(ann, text)
    document = take_in(ann, ContentFile(b"words"), "a.txt").document
    body = look(browser)
    told = [event for event in events_of(ann) if event["type"] != "message_chunk"]
    for event in told:
        del event["ts"]
    assert body["events"] == told[-2:]
    assert [event["type"] for event in told[-2:]] == ["rag_progress", "document_status"]
    query_id = body["events"][0]["queryId"]
    assert body["messages"] == [
        {
            "type": "message_chunk", "messageId": query_id, "sessionId": "", "queryId": query_id,
            "content": text, "contentOffset": 0, "isComplete": False, "attempt": 1,
        }
    ]  # fmt: skip
    assert [job["subject"] for job in body["jobs"]] == [query_id, str(document.pk)]


def test_a_snapshot_is_of_one_person_and_costs_three_queries(
    ann: User, bob: User, client: Browser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert client.get("/api/realtime/snapshot").status_code == 401
    for _ in range(3):
        writing(ann, "A bee is an insect.")
    client.force_login(bob)
    body = look(client)
    assert (body["jobs"], body["events"], body["messages"]) == ([], [], [])
    client.force_login(ann)
    look(client)
    session_and_user = 2
    with django_assert_num_queries(session_and_user + 3):
        body = look(client)
    assert (len(body["events"]), len(body["messages"])) == (3, 3)
