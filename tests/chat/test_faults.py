"""What a model server does wrong, told in words that say what to do; the key in none of them."""

import logging

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from chat import attempt, turns
from chat.attempt import TOO_LONG
from chat.models import Message
from realtime.models import OutboxEvent, Status
from tests.chat.talk import EventsOf, answered, begun, chunks_of, job_of, say, status_of, written
from tests.model_server import KEY, ModelServer

pytestmark = pytest.mark.django_db(transaction=True)
SERVER = "The model server at 127.0.0.1"
BUSY = "is busy or its quota is used up."
ENDS = 'Send [{{"content": "", "finish_reason": "{}"}}]'


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "PAUSES", (0.01, 0.02))


@pytest.mark.parametrize(
    ("command", "words", "tries"),
    [
        ("Fail with 401", "refuses our key. Check LLM_API_KEY.", 1),
        ("Fail with 403", "refuses our key. Check LLM_API_KEY.", 1),
        ("Fail with 404", "does not know the model. Check LLM_MODEL and LLM_BASE_URL.", 1),
        ("Fail with 400", "refuses the request (400).", 1),
        ("Fail with 429 after 90", f"{BUSY} It asks to be tried again in 90 s.", 1),
        ("Fail with 429 after 0", BUSY, 3),
        ("Fail with 500", "has an error of its own (500).", 3),
        ("Fail with 503", "has an error of its own (503).", 3),
        ("Say nothing", "sent an empty answer.", 3),
        (ENDS.format("length"), "used up all its tokens before it wrote a word.", 3),
        (ENDS.format("content_filter"), "withheld the answer by its content filter.", 3),
        ('Send [{"tool_calls": 1}]', "sent something that is not an answer.", 3),
        ("Hang", "takes too long to answer.", 3),
    ],
)
def test_a_fault_is_told_in_plain_words(
    ann: User,
    model: ModelServer,
    settings: Settings,
    events_of: EventsOf,
    caplog: pytest.LogCaptureFixture,
    command: str,
    words: str,
    tries: int,
) -> None:
    caplog.set_level(logging.DEBUG, "chat")
    settings.LLM_TIMEOUT_SECONDS = 0.5
    reply = written(say(begun(ann), command))
    job = job_of(reply)
    assert (job.status, job.error) == (Status.FAILED, f"{SERVER} {words}")
    assert len(model.asked) == tries
    events = events_of(ann)
    assert events[-1]["message"] == job.error
    if tries > 1:
        assert any("Trying again in 0.0" in str(event.get("message")) for event in events)
    everything = f"{events} {job.__dict__} {reply.__dict__} {caplog.text}"
    assert KEY not in everything
    assert not OutboxEvent.objects.exists()


def test_a_stream_that_breaks_off_keeps_its_text_and_is_not_begun_again(
    ann: User, model: ModelServer, events_of: EventsOf
) -> None:
    reply = written(say(begun(ann), "Break off"))
    assert job_of(reply).error == f"{SERVER} broke off in the middle of the answer."
    assert reply.content == "This is only the "
    assert len(model.asked) == 1
    chunks = chunks_of(events_of(ann), reply)
    assert "".join(chunk["content"] for chunk in chunks) == reply.content
    assert chunks[-1]["isComplete"]


def test_a_server_that_is_not_there_is_said_to_be_so(ann: User, settings: Settings) -> None:
    settings.LLM_BASE_URL, settings.LLM_MODELS = "http://127.0.0.1:1/v1", ["small"]
    assert job_of(written(say(begun(ann), "Hello"))).error == f"{SERVER} does not answer."


@pytest.mark.parametrize("status", [429, 503])
def test_what_passes_by_itself_is_tried_again(ann: User, model: ModelServer, status: int) -> None:
    assert answered(begun(ann), f"Fail with {status} once").content == "Well."
    assert len(model.asked) == 2


def test_retry_works_once_the_fault_is_mended(ann: User, model: ModelServer) -> None:
    reply = written(say(begun(ann), "Fail with 401 once"))
    assert status_of(reply) == Status.FAILED
    assert turns.retry(reply)
    reply = written(reply)
    assert (status_of(reply), reply.content) == (Status.DONE, "Well.")


# --- Too long for the model's context -------------------------------------------------------------
def test_history_is_cut_to_the_context_oldest_first_and_said_so(
    ann: User, model: ModelServer, settings: Settings
) -> None:
    settings.LLM_CONTEXT_TOKENS = 768
    session = begun(ann)
    for number in range(3):
        answered(session, f"Repeat: {number} " + "word " * 100)
    reply = answered(session, "Repeat: 3 " + "word " * 100)
    contents = [str(message["content"])[:11] for message in model.asked[-1]["messages"]]
    assert contents[1:] == ["Repeat: 2 w", "2 word word", "Repeat: 3 w"]
    assert reply.note == (
        "The oldest 4 messages no longer fit the model's context and were left out."
    )


def test_history_is_cut_when_the_server_says_that_it_is_too_long(
    ann: User, model: ModelServer
) -> None:
    session = begun(ann)
    for number in range(4):
        answered(session, f"Repeat: {number} " + "word " * 400)
    reply = answered(session, "Be too long for 1200")
    assert reply.content == "Well."
    assert "oldest" in reply.note
    assert len(model.asked) > 5


def test_a_message_that_is_too_long_by_itself_is_said_to_be_so(
    ann: User, model: ModelServer
) -> None:
    session = begun(ann)
    answered(session, "Repeat: Hello")
    assert job_of(written(say(session, "Be too long for 1"))).error == TOO_LONG
    assert Message.objects.count() == 4
