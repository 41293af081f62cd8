"""What people do in a conversation: branches, turns, queued follow-ups, names, ends."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from chat import sessions, tasks, turns
from chat.models import ChatSession, Message, Role
from chat.path import Tree
from chat.turns import IN_TURN, NotTaken, first_title
from realtime import jobs
from realtime.models import Job, Status
from tests.chat.talk import (
    EventsOf,
    answered,
    begun,
    being_written,
    fresh,
    job_of,
    say,
    status_of,
    statuses_of,
    until_it_says,
    written,
)
from tests.model_server import ModelServer

pytestmark = pytest.mark.django_db(transaction=True)


def shown(session: ChatSession) -> list[str]:
    """The texts of the branch that is shown."""
    session.refresh_from_db()
    return [message.content for message in Tree(session).path(session.leaf_id)]


def versions(message: Message) -> tuple[int, int]:
    """Which version a message is, of how many."""
    [*_, step] = Tree(message.session).steps(message.pk)
    return step.version, len(step.versions)


# --- Branches -------------------------------------------------------------------------------------
def test_an_edited_message_keeps_the_earlier_one_beside_it(ann: User, model: ModelServer) -> None:
    session = begun(ann)
    first = answered(session, "Repeat: one")
    answered(session, "Repeat: two")
    assert first.parent
    edited, reply = turns.edit(first.parent, "Repeat: uno")
    written(reply)
    assert shown(session) == ["Repeat: uno", "uno"]
    assert (versions(edited), versions(first.parent)) == ((2, 2), (1, 2))
    turns.show(first.parent)
    assert shown(session) == ["Repeat: one", "one", "Repeat: two", "two"]
    turns.show(edited)
    assert shown(session) == ["Repeat: uno", "uno"]


def test_an_edit_in_the_middle_keeps_what_was_before(ann: User, model: ModelServer) -> None:
    session = begun(ann)
    answered(session, "Repeat: one")
    second = answered(session, "Repeat: two")
    assert second.parent
    _, reply = turns.edit(second.parent, "Repeat: due")
    written(reply)
    assert shown(session) == ["Repeat: one", "one", "Repeat: due", "due"]
    told = [message["content"] for message in model.asked[-1]["messages"][1:]]
    assert told == ["Repeat: one", "one", "Repeat: due"]


def test_another_answer_by_another_model_stands_beside_the_first(
    ann: User, model: ModelServer
) -> None:
    session = begun(ann)
    first = answered(session, "Repeat: one")
    second = written(turns.regenerate(first, "large"))
    assert (first.model, second.model) == ("small", "large")
    assert second.parent == first.parent
    assert (versions(first), versions(second)) == ((1, 2), (2, 2))
    session.refresh_from_db()
    assert (session.leaf, session.model) == (second, "large")


@pytest.mark.parametrize("content", ["", " \n ", "\0", "\ud800"])
def test_nothing_is_not_sent(ann: User, content: str) -> None:
    with pytest.raises(NotTaken, match="Write a message first"):
        turns.send(begun(ann), content)


def test_what_cannot_be_done_is_said_in_words(ann: User, model: ModelServer) -> None:
    session = begun(ann)
    reply = say(session, "Repeat: one")
    with pytest.raises(NotTaken, match="Only what you wrote can be edited"):
        turns.edit(reply, "two")
    assert reply.parent
    with pytest.raises(NotTaken, match="Only an answer can be written anew"):
        turns.regenerate(reply.parent)
    with pytest.raises(NotTaken, match="There is no model huge here"):
        turns.regenerate(reply, "huge")
    with pytest.raises(NotTaken, match="at most 32,000 can be sent"):
        turns.send(session, "x" * 32_001)
    assert not turns.stop(reply.parent)
    assert not turns.retry(reply.parent)
    sessions.delete(session)
    with pytest.raises(NotTaken, match="was deleted"):
        turns.send(session, "Hello")
    assert Message.objects.count() == 0


def test_lines_end_alike_and_what_no_text_can_hold_is_left_out(ann: User) -> None:
    message, _ = turns.send(begun(ann), " one\r\ntwo\rthree\0\ud800 שלום ")
    assert message.content == "one\ntwo\nthree שלום"


# --- Turns ----------------------------------------------------------------------------------------
def test_a_follow_up_waits_for_the_answer_before_it_and_then_has_it(
    ann: User, model: ModelServer, events_of: EventsOf
) -> None:
    session = begun(ann)
    first, second, third = (say(session, f"Repeat: {n}") for n in ("one", "two", "three"))
    assert (job_of(second).status, job_of(second).message) == (Status.WAITING, IN_TURN)
    assert written(second).content == "", "it was written before its turn"
    written(first)
    assert [status_of(reply) for reply in (first, second, third)] == ["DONE", "QUEUED", "WAITING"]
    written(second)
    written(third)
    assert shown(session) == [
        "Repeat: one", "one", "Repeat: two", "two", "Repeat: three", "three",
    ]  # fmt: skip
    told = [message["content"] for message in model.asked[-1]["messages"][1:]]
    assert told == shown(session)[:-1]
    assert statuses_of(events_of(ann), second)[:2] == ["WAITING", "QUEUED"]


@pytest.mark.parametrize("end", ["fails", "is stopped", "is stopped before it begins"])
def test_a_follow_up_has_its_turn_however_the_one_before_ends(
    ann: User, model: ModelServer, end: str
) -> None:
    model.rate = 100
    session = begun(ann)
    first = say(session, "Fail with 401" if end == "fails" else "Count to 5000")
    second = say(session, "Repeat: two")
    if end == "fails":
        written(first)
    elif end == "is stopped":
        with being_written(first):
            until_it_says(first, "3 4 5")
            turns.stop(first)
    else:
        turns.stop(first)
    assert status_of(first) in (Status.FAILED, Status.CANCELLED)
    assert status_of(second) == Status.QUEUED
    assert written(second).content == "two"


def test_a_follow_up_has_its_turn_when_the_worker_of_the_one_before_is_lost_for_good(
    ann: User, model: ModelServer
) -> None:
    session = begun(ann)
    first, second = say(session, "Repeat: one"), say(session, "Repeat: two")
    for _ in range(jobs.MOST_LOSSES):
        jobs.claim(str(first.job_id), "worker@here")
        Job.objects.filter(pk=first.job_id).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        jobs.reap()
    assert status_of(first) == Status.FAILED
    assert status_of(second) == Status.QUEUED


def test_a_turn_that_nobody_told_of_is_found_by_the_sweep(ann: User, model: ModelServer) -> None:
    session = begun(ann)
    first, second = say(session, "Repeat: one"), say(session, "Repeat: two")
    tasks.sweep()
    assert status_of(second) == Status.WAITING
    Job.objects.filter(pk=first.job_id).update(status=Status.DONE)  # and the process died there
    tasks.sweep()
    assert status_of(second) == Status.QUEUED


def test_a_queued_follow_up_can_be_stopped(ann: User, model: ModelServer) -> None:
    session = begun(ann)
    first, second, third = (say(session, f"Repeat: {n}") for n in ("one", "two", "three"))
    assert turns.stop(second)
    written(first)
    assert (status_of(second), status_of(third)) == (Status.CANCELLED, Status.QUEUED)
    written(third)
    told = [message["content"] for message in model.asked[-1]["messages"][1:]]
    assert told == ["Repeat: one", "one", "Repeat: two\n\nRepeat: three"]


def test_conversations_do_not_wait_for_each_other(ann: User, model: ModelServer) -> None:
    one, other = say(begun(ann), "Repeat: one"), say(begun(ann), "Repeat: two")
    assert status_of(one) == status_of(other) == Status.QUEUED


def test_only_what_failed_or_was_stopped_is_retried_and_one_at_a_time(
    ann: User, model: ModelServer
) -> None:
    session = begun(ann)
    failed = written(say(session, "Fail with 401 once"))
    writing = say(session, "Repeat: two")
    assert not turns.retry(failed), "two replies at once"
    written(writing)
    assert not turns.retry(fresh(writing)), "it is complete"
    assert turns.retry(failed)
    assert not turns.retry(failed), "it is queued"
    assert written(failed).content == "Well."


def test_a_turn_that_is_never_committed_is_never_given(ann: User, model: ModelServer) -> None:
    session = begun(ann)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        say(session, "Repeat: one")
        raise ZeroDivisionError
    assert not Message.objects.exists()
    assert status_of(say(session, "Repeat: two")) == Status.QUEUED


# --- Sessions -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("Short", "Short"),
        ("Two\n  lines", "Two lines"),
        ("word " * 40, "word word word word word word word word word word word word …"),
        ("長" * 100, "長" * 60 + " …"),
    ],
)
def test_a_first_title_is_the_beginning_of_the_first_message(content: str, title: str) -> None:
    assert first_title(content) == title


def test_search_finds_titles_and_messages_of_its_owner(
    ann: User, bob: User, model: ModelServer
) -> None:
    by_title, by_word = begun(ann, title="On Bees"), begun(ann)
    answered(by_word, "Repeat: a hive of BEES")
    begun(ann, title="On ships")
    begun(bob, title="Bob's bees")
    assert set(sessions.search(ann, " bees ")) == {by_title, by_word}
    assert sessions.search(ann, "50%").count() == 0
    assert sessions.search(ann, "").count() == 3


def test_a_deleted_conversation_takes_all_with_it_and_is_told(
    ann: User, model: ModelServer, events_of: EventsOf
) -> None:
    session = begun(ann)
    answered(session, "Repeat: one")
    waiting = [say(session, "Repeat: two"), say(session, "Repeat: three")]
    sessions.delete(session)
    assert not Message.objects.exists()
    assert {job_of(reply).status for reply in waiting} == {Status.CANCELLED}
    last = events_of(ann)[-1]
    assert (last["type"], last["sessionId"], last["status"]) == (
        "chat_session", str(session.pk), "DELETED",
    )  # fmt: skip
    tasks.sweep()


def test_a_conversation_is_set_up_with_what_is_there_and_its_owner_s(
    ann: User, bob: User, model: ModelServer
) -> None:
    session = begun(ann, title="  A\0 title  ", model="large", use_documents=True)
    assert (session.title, session.is_titled) == ("A title", True)
    assert (session.model, session.use_documents) == ("large", True)
    for wrong, words in (
        ({"title": " "}, "needs a title"),
        ({"model": "huge"}, "no model huge"),
        ({"mcp_server_ids": ["nowhere"]}, "servers are not there"),
    ):
        with pytest.raises(NotTaken, match=words):
            sessions.set_up(session, **wrong)  # type: ignore[arg-type]
    session.refresh_from_db()
    assert (session.title, session.model) == ("A title", "large")


def test_a_model_that_is_no_longer_offered_gives_way_to_the_default(
    ann: User, model: ModelServer
) -> None:
    session = begun(ann)
    ChatSession.objects.filter(pk=session.pk).update(model="gone")
    assert answered(session, "Repeat: one").model == "small"


def test_roles_alternate_in_the_tree(ann: User, model: ModelServer) -> None:
    session = begun(ann)
    for n in range(3):
        answered(session, f"Repeat: {n}")
    session.refresh_from_db()
    roles = [message.role for message in Tree(session).path(session.leaf_id)]
    assert roles == [Role.USER, Role.ASSISTANT] * 3
