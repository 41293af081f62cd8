"""A reply's whole work, inside a real job, with a real model server, log and database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec
import psycopg
import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from chat import sessions, turns
from chat.blocks import html_of
from chat.models import Message
from chat.reply import DELETED, INTERRUPTED, NO_MODEL, write_reply
from realtime import jobs, log, snapshot
from realtime.models import ACTIVE, Job, Status
from realtime.work import run
from tests.chat.talk import (
    EventsOf,
    answered,
    begun,
    being_written,
    chunks_of,
    fresh,
    job_of,
    say,
    status_of,
    statuses_of,
    until_it_says,
    written,
)
from tests.model_server import ModelServer
from tests.stack import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_reply_streams_and_its_row_holds_the_whole(
    ann: User, model: ModelServer, events_of: EventsOf
) -> None:
    words = "Some **bold** words.\n\n- one\n- two\n\nAnd an end."
    reply = answered(begun(ann), f"Repeat: {words}")
    assert reply.content == words
    events = events_of(ann)
    assert statuses_of(events, reply) == [
        "QUEUED",
        "WRITING",
        "COMPLETE",
    ]
    chunks = chunks_of(events, reply)
    offset = 0
    for chunk in chunks:
        assert chunk["contentOffset"] == offset
        offset += len(chunk["content"])
    assert "".join(chunk["content"] for chunk in chunks) == words
    assert [chunk["isComplete"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    shown: list[str] = []
    for chunk in chunks:
        if "blocks" in chunk:
            shown[chunk["blocksFrom"] :] = chunk["blocks"]
    assert shown == html_of(words, {})


def test_figures_are_kept_with_each_reply(ann: User, model: ModelServer) -> None:
    reply = answered(begun(ann, model="large"), "Count to 40")
    assert (reply.model, reply.prompt_tokens, reply.completion_tokens) == ("large", 7, 40)
    assert reply.first_token_ms is not None
    assert reply.tokens_per_second
    assert 100 < reply.tokens_per_second < 10_000
    assert [body["model"] for body in model.asked] == ["large"]


def test_what_no_text_can_hold_is_left_out_and_halves_of_characters_meet(
    ann: User, model: ModelServer, events_of: EventsOf
) -> None:
    deltas = (
        r'[{"content": "a\r\nb\u0000c "}, {"content": "\ud83d"}, {"content": "\ude00"},'
        r' {"content": "\ud83d, שלום"}]'
    )
    reply = answered(begun(ann), f"Send {deltas}")
    assert reply.content == "a\nbc 😀, שלום"
    assert "".join(c["content"] for c in chunks_of(events_of(ann), reply)) == reply.content


def test_a_very_long_reply_is_cut_off_and_said_so(
    ann: User, model: ModelServer, events_of: EventsOf, settings: Settings
) -> None:
    settings.REALTIME_LOG_EVENTS = 5_000
    model.rate = 50_000
    reply = answered(begun(ann), "Write 10000 lines")
    assert len(reply.content) == 200_000
    assert reply.note == "The answer was cut off at its greatest length."
    assert "".join(c["content"] for c in chunks_of(events_of(ann), reply)) == reply.content


def test_characters_that_are_long_in_json_fit_into_events(
    ann: User, model: ModelServer, events_of: EventsOf
) -> None:
    reply = answered(begun(ann), r'Send [{"content": "\u0001' + r"\u0002\"'<&>" * 2_400 + '"}]')
    assert len(reply.content) == 1 + 6 * 2_400
    assert "".join(c["content"] for c in chunks_of(events_of(ann), reply)) == reply.content


def test_a_server_that_counts_badly_spoils_no_answer(ann: User, model: ModelServer) -> None:
    counts = '{"prompt_tokens": -1, "completion_tokens": 99999999999}'
    reply = answered(begun(ann), f'Send [{{"content": "Well.", "usage": {counts}}}]')
    assert (reply.content, reply.prompt_tokens, reply.completion_tokens) == ("Well.", None, None)


def test_a_model_that_takes_its_limit_by_another_name_is_asked_so(
    ann: User, model: ModelServer
) -> None:
    session = begun(ann)
    answered(session, "Know another limit")
    answered(session, "Know another limit")
    assert ["max_tokens" in body for body in model.asked] == [True, False, False]


@pytest.mark.parametrize(
    ("finish", "note"),
    [
        ("length", "The answer was cut off at its greatest length."),
        ("content_filter", "The model server cut the answer off by its content filter."),
    ],
)
def test_why_an_answer_ends_early_is_noted(
    ann: User, model: ModelServer, finish: str, note: str
) -> None:
    reply = answered(begun(ann), f'Send [{{"content": "Well", "finish_reason": "{finish}"}}]')
    assert (reply.content, reply.note) == ("Well", note)


def test_without_a_model_the_reply_says_what_to_do(ann: User, settings: Settings) -> None:
    settings.LLM_BASE_URL = settings.EMBEDDED_LLM_URL = ""
    reply = written(say(begun(ann), "Hello"))
    assert (status_of(reply), job_of(reply).error) == (Status.FAILED, NO_MODEL)


# --- Stop -----------------------------------------------------------------------------------------
def test_a_reply_that_has_not_begun_is_stopped_at_once(ann: User, model: ModelServer) -> None:
    reply = say(begun(ann), "Count to 10")
    assert turns.stop(reply)
    assert status_of(reply) == Status.CANCELLED
    assert written(reply).content == ""
    assert not turns.stop(fresh(reply))
    assert not model.asked


@pytest.mark.parametrize("words", ["Hang", "Count to 5000"])
def test_stop_ends_a_reply_within_a_second_and_keeps_its_text(
    ann: User, model: ModelServer, events_of: EventsOf, words: str
) -> None:
    model.rate = 100
    reply = say(begun(ann), words)
    with being_written(reply):
        until(lambda: model.asked, within=10)
        if words != "Hang":
            until_it_says(reply, "10 11 12")
        assert turns.stop(reply)
        began = time.monotonic()
        until(lambda: status_of(reply) == Status.CANCELLED, within=10, every=0.01)
        assert time.monotonic() - began < 1.0
    content = fresh(reply).content
    assert content == "".join(f"{n} " for n in range(1, 1 + len(content.split())))
    chunks = chunks_of(events_of(ann), reply)
    assert "".join(chunk["content"] for chunk in chunks) == content
    assert chunks[-1]["isComplete"]


def test_a_snapshot_in_mid_answer_is_completed_by_the_events_after_it(
    ann: User, bob: User, model: ModelServer, valkey: redis.Redis
) -> None:
    model.rate = 200
    reply = say(begun(ann), "Count to 300")
    with being_written(reply):
        until_it_says(reply, "30 31 32")
        taken = snapshot.take(ann)
        assert snapshot.take(bob)["messages"] == []
    [told] = [event for event in taken["messages"] if event["messageId"] == str(reply.pk)]
    text, attempt = told["content"], told["attempt"]
    assert (told["contentOffset"], attempt) == (0, 1)
    after = log.Position.parse(taken["as_of"])
    for entry in log.read(ann.pk, after, 5_000).entries:
        event = msgspec.json.decode(entry.payload)
        if event["type"] == "message_chunk":
            assert event["contentOffset"] <= len(text), "a piece is missing"
            text = text[: event["contentOffset"]] + event["content"]
    assert text == fresh(reply).content == "".join(f"{n} " for n in range(1, 301))
    assert snapshot.take(ann)["messages"] == []


# --- When something dies --------------------------------------------------------------------------
def lose_worker(reply: Message) -> None:
    """Its worker is killed and nobody has taken it up yet."""
    Job.objects.filter(pk=reply.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert jobs.reap() == 1


def test_a_reply_whose_worker_was_lost_after_a_word_ends_as_interrupted_and_is_retried(
    ann: User, model: ModelServer
) -> None:
    reply = say(begun(ann), "Count to 20")
    jobs.claim(str(reply.job_id), "worker@here")
    Message.objects.filter(pk=reply.pk).update(content="1 2 3 ", completion_tokens=3, note="Hm.")
    lose_worker(reply)
    reply = written(reply)
    assert (status_of(reply), job_of(reply).error) == (Status.FAILED, INTERRUPTED)
    assert reply.content == "1 2 3 "
    assert turns.retry(reply)
    assert fresh(reply).content == fresh(reply).note == ""
    reply = written(reply)
    assert status_of(reply) == Status.DONE
    assert reply.content.startswith("1 2 3 4 5 ")
    assert reply.completion_tokens == 20


def test_a_reply_whose_worker_was_lost_before_a_word_begins_again(
    ann: User, model: ModelServer
) -> None:
    reply = say(begun(ann), "Count to 3")
    jobs.claim(str(reply.job_id), "worker@here")
    lose_worker(reply)
    reply = written(reply)
    assert (status_of(reply), reply.content) == (Status.DONE, "1 2 3 ")


def test_a_reply_whose_worker_was_lost_after_the_last_word_is_complete(
    ann: User, model: ModelServer
) -> None:
    reply = answered(begun(ann), "Count to 3")
    Job.objects.filter(pk=reply.job_id).update(status=Status.RUNNING)
    lose_worker(reply)
    reply = written(reply)
    assert (status_of(reply), reply.content) == (Status.DONE, "1 2 3 ")
    assert len(model.asked) == 1


def test_a_worker_that_was_taken_for_dead_writes_nothing_more(
    ann: User, model: ModelServer, events_of: EventsOf
) -> None:
    model.rate = 100
    reply = say(begun(ann), "Count to 500")
    with being_written(reply):
        until_it_says(reply, "3 4 5")
        lose_worker(reply)
        reply = written(reply)
        kept = reply.content
    assert (status_of(reply), fresh(reply).content) == (Status.FAILED, kept)
    assert chunks_of(events_of(ann), reply)[-1]["attempt"] == 1
    last = events_of(ann)[-1]
    assert (last["type"], last["status"], last["attempt"]) == ("message_status", "FAILED", 2)


@pytest.mark.parametrize("deleted", ["the session", "its owner"])
def test_what_is_deleted_while_a_reply_is_written_ends_it(
    ann: User, model: ModelServer, deleted: str
) -> None:
    model.rate = 100
    reply = say(begun(ann), "Count to 5000")
    following = say(reply.session, "Count to 3")
    with being_written(reply):
        until_it_says(reply, "3 4 5")
        if deleted == "the session":
            sessions.delete(reply.session)
        else:
            User.objects.get(pk=ann.pk).delete()
    assert not Message.objects.exists()
    assert not Job.objects.filter(status__in=ACTIVE).exists()
    run(str(following.job_id), lambda *_: pytest.fail("it was written"))


def test_a_reply_of_a_deleted_session_is_not_begun(ann: User, model: ModelServer) -> None:
    reply = say(begun(ann), "Count to 3")
    Message.objects.all().delete()
    run(str(reply.job_id), write_reply)
    assert job_of(reply).error == DELETED


def test_while_the_log_is_away_nothing_is_lost(
    ann: User, model: ModelServer, valkey: redis.Redis, events_of: EventsOf
) -> None:
    model.rate = 100
    reply = say(begun(ann), "Count to 400")
    with being_written(reply):
        until_it_says(reply, "3 4 5")
        valkey.execute_command("CLIENT PAUSE", 2500, "WRITE")
    reply = fresh(reply)
    assert status_of(reply) == Status.DONE
    assert reply.content == "".join(f"{n} " for n in range(1, 401))
    pieces = [(c["contentOffset"], c["content"]) for c in chunks_of(events_of(ann), reply)]
    text = ""
    for offset, content in pieces:
        assert offset <= len(text), "a piece is missing"
        text = text[:offset] + content
    assert text == reply.content


@contextmanager
def database_away() -> Iterator[None]:
    """Nobody is connected to the database, nor can connect."""
    values = connection.settings_dict
    connection.close()
    name = values["NAME"]
    with psycopg.connect(
        host=values["HOST"], port=values["PORT"], user=values["USER"], password=values["PASSWORD"],
        dbname="postgres", autocommit=True,
    ) as admin:  # fmt: skip
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_while_the_database_is_away_a_reply_goes_on(
    ann: User, model: ModelServer, events_of: EventsOf
) -> None:
    model.rate = 100
    reply = say(begun(ann), "Count to 300")
    with being_written(reply):
        until_it_says(reply, "3 4 5")
        with database_away():
            asked = len(chunks_of(events_of(ann), reply))
            until(lambda: len(chunks_of(events_of(ann), reply)) > asked + 20)
    reply = fresh(reply)
    assert (status_of(reply), job_of(reply).attempt) == (Status.DONE, 1)
    assert reply.content == "".join(f"{n} " for n in range(1, 301))
