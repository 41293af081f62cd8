"""`manage.py chat`, talking to a real worker through the log."""

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from chat import approve, follow, sessions
from chat.models import ChatSession, Message, ToolCall, ToolPermission
from realtime import log
from realtime.models import Job, Status
from tests.chat.talk import a_worker, begun, say
from tests.chat.test_ground import BEES
from tests.chat.test_tools import ADD, running, sums
from tests.mcp_over_http import Serving
from tests.model_server import ModelServer
from tests.rag.conftest import Ready, ready

__all__ = ["ready", "running", "sums"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def worker(model: ModelServer, ann: User) -> Iterator[None]:
    with a_worker():
        yield


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command with lines typed into it; what it wrote to stdout and to stderr."""

    def run(*arguments: str, typed: str = "") -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        call_command("chat", *arguments, "--owner", "ann", stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    return run


def test_a_message_is_answered_and_the_conversation_goes_on(chat: Any, ann: User) -> None:
    out, err = chat("Repeat: Hello there")
    assert out == "Hello there\n"
    session = ChatSession.objects.get(owner=ann)
    assert f"Conversation {session.pk}\n" in err
    out, _ = chat("Count to 5", "--session", str(session.pk), "--model", "large")
    assert out == "1 2 3 4 5 \n"
    assert session.messages.count() == 4
    assert Message.objects.get(content="1 2 3 4 5 ").model == "large"


def test_lines_are_messages_until_the_end_and_a_failure_does_not_end_it(chat: Any) -> None:
    out, err = chat(typed="Repeat: one\n\nFail with 401\nRepeat: two\n")
    assert out == "one\ntwo\n"
    assert "refuses our key" in err


def test_answers_from_documents_show_stages_and_sources(chat: Any, ann: User, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    out, err = chat("Repeat: Up to 2,000 [1].", "--documents")
    assert out == "Up to 2,000 [1].\n[1] bees.txt, page 1\n"
    assert "RETRIEVAL Found 1 relevant chunk" in err


def test_json_lines_are_the_events_and_last_the_reply(chat: Any) -> None:
    lines = [json.loads(line) for line in chat("Count to 30", "--json")[0].splitlines()]
    assert list(lines[0]) == ["sessionId"]
    chunks = [line for line in lines if line.get("type") == "message_chunk"]
    reply = lines[-1]
    assert "".join(chunk["content"] for chunk in chunks) == reply["content"]
    assert (reply["status"], reply["completionTokens"]) == ("COMPLETE", 30)


@pytest.mark.parametrize(
    ("answers", "said", "calls"),
    [
        ("y\n", "The tool said: <tool_result>\n3", 1),
        ("perhaps\nalways\n", "The tool said: <tool_result>\n3", 1),
        ("n not today\n", "The user did not allow this call. not today", 0),
        ("", "Nobody could be asked at the terminal.", 0),
    ],
)
def test_tools_are_allowed_at_the_terminal(
    chat: Any, sums: Serving, answers: str, said: str, calls: int
) -> None:
    out, err = chat(ADD, "--tools", "Sums", typed=answers)
    assert said in out
    assert 'Sums would run add with {\n  "a": 1,\n  "b": 2\n}' in err
    assert len(sums.called) == calls
    assert ToolPermission.objects.exists() == ("always" in answers)


def test_a_call_that_is_decided_elsewhere_meanwhile_is_said_to_be_so(
    chat: Any, sums: Serving, monkeypatch: pytest.MonkeyPatch, ann: User
) -> None:
    class Slow(io.StringIO):
        """Ann answers in a browser before she does here."""

        def readline(self, *_: Any) -> str:  # type: ignore[override]
            call = ToolCall.objects.select_related("message__session").get()
            assert approve.deny(call, "In the browser.")
            return "y\n"

    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", Slow())
    call_command("chat", ADD, "--tools", "sums", "--owner", "ann", stdout=out, stderr=err)
    assert "Somebody else was faster." in err.getvalue()
    assert "In the browser." in out.getvalue()
    assert sums.called == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Hello", "--session", "nonsense"), "ann has no conversation nonsense."),
        (("Hello", "--model", "huge"), "There is no model huge here."),
        (("Hello", "--tools", "Nails"), "There is no tool server Nails here. There are: none."),
        (("  ",), "Write a message first."),
        (("Fail with 404",), "does not know the model."),
        (("Break off",), "broke off in the middle of the answer."),
    ],
)
def test_what_goes_wrong_is_one_clear_line(
    chat: Any, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError) as error:
        chat(*arguments)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_bob_s_conversations_are_not_ann_s_and_nobody_is_told(chat: Any, bob: User) -> None:
    session = begun(bob)
    with pytest.raises(CommandError, match="ann has no conversation"):
        chat("Hello", "--session", str(session.pk))
    with pytest.raises(CommandError, match="There is no user nobody"):
        call_command("chat", "Hello", "--owner", "nobody")


def test_what_a_terminal_would_obey_is_not_written_to_it(chat: Any) -> None:
    out, _ = chat(r'Send [{"content": "a\u001b]0;evil\u0007b\u009b31mc\td"}]')
    assert out == "a]0;evilb31mc\td\n"


def test_a_conversation_that_is_deleted_meanwhile_ends_it(ann: User, model: ModelServer) -> None:
    model.rate = 50
    reply = say(begun(ann), "Count to 5000")
    seen = follow.follow(reply)
    assert isinstance(next(seen), Message)
    next(seen)
    sessions.delete(reply.session)
    *_, last = seen
    assert isinstance(last, dict)
    assert (last["type"], last["status"]) == ("chat_session", "DELETED")


def test_a_log_that_forgot_is_made_up_for_by_the_row(ann: User, model: ModelServer) -> None:
    model.rate = 50
    reply = say(begun(ann), "Count to 60")
    text, rows = "", 0
    for told in follow.follow(reply):
        if isinstance(told, Message):
            text, rows = told.content, rows + 1
        elif told["type"] == "message_chunk" and "5 6 " in told["content"]:
            log.client().flushall()
    assert text == "".join(f"{n} " for n in range(1, 61))
    assert rows >= 3
    assert Job.objects.get(pk=reply.job_id).status == Status.DONE
