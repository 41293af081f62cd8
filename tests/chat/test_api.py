"""Conversations over HTTP, as ann, as bob and as a stranger."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from chat.models import CallStatus, ChatSession, Message, ToolCall, ToolPermission
from realtime.models import Job, Status
from tests.chat.talk import answered, begun, say, status_of, written
from tests.documents.test_api import signed_in
from tests.model_server import ModelServer
from tests.rag.conftest import Ready, ready
from tests.realtime.people import program

__all__ = ["ready"]
pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/chat"


@pytest.fixture
def mine(ann: User) -> Client:
    return signed_in(ann)


def send(client: Client, method: str, path: str, **body: Any) -> Any:
    request = getattr(client, method.lower())
    return request(f"{URL}{path}", body or None, content_type="application/json")


def post(client: Client, path: str, key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{URL}{path}", body, content_type="application/json", headers=headers)


@pytest.fixture
def session(ann: User, model: ModelServer) -> ChatSession:
    """Of ann, with one exchange."""
    session = begun(ann)
    answered(session, "Repeat: Hello")
    session.refresh_from_db()
    return session


def call_of(reply: Message) -> ToolCall:
    """A call that waits for ann."""
    Job.objects.filter(pk=reply.job_id).update(status=Status.WAITING)
    return ToolCall.objects.create(
        message=reply, round=1, offset=0, model_call_id="c", server_id="sums", server_name="Sums",
        server_identity="Sums 1", name="add", model_name="Sums__add", arguments={"a": 1},
        status=CallStatus.AWAITING_APPROVAL,
    )  # fmt: skip


# --- Whose ----------------------------------------------------------------------------------------
def test_a_stranger_is_asked_to_sign_in_and_bob_finds_nothing(
    session: ChatSession, ann: User, bob: User
) -> None:
    reply = session.leaf
    assert reply
    call = call_of(reply)
    permission = ToolPermission.objects.create(owner=ann, server_identity="Sums 1", tool="add")
    one, message = f"/sessions/{session.pk}", f"/messages/{reply.pk}"
    of_ann = [
        ("GET", one, {}),
        ("PATCH", one, {"title": "Bob's"}),
        ("GET", f"{one}/export", {}),
        ("POST", f"{one}/messages", {"content": "Hello"}),
        ("GET", message, {}),
        ("POST", f"{message}/edit", {"content": "Hello"}),
        ("POST", f"{message}/regenerate", {}),
        ("POST", f"{message}/select", {}),
        ("POST", f"{message}/stop", {}),
        ("POST", f"{message}/retry", {}),
        ("POST", f"/tool-calls/{call.pk}", {"decision": "approve"}),
        ("DELETE", f"/tool-permissions/{permission.pk}", {}),
        ("DELETE", one, {}),
    ]
    of_everybody = [
        ("GET", "/sessions", {}),
        ("POST", "/sessions", {}),
        ("GET", "/models", {}),
        ("GET", "/tool-servers", {}),
        ("GET", "/tool-permissions", {}),
    ]
    before = list(Message.objects.values_list("pk", "content"))
    for method, path, body in [*of_ann, *of_everybody]:
        assert send(Client(), method, path, **body).status_code == 401, path
    theirs = signed_in(bob)
    for method, path, body in of_ann:
        assert send(theirs, method, path, **body).status_code == 404, path
    assert send(theirs, "GET", "/sessions").json()["sessions"] == []
    assert send(theirs, "GET", "/tool-permissions").json()["permissions"] == []
    assert list(Message.objects.values_list("pk", "content")) == before
    assert ToolCall.objects.get().status == CallStatus.AWAITING_APPROVAL
    assert ToolPermission.objects.count() == 1


def test_a_program_that_may_only_read_changes_nothing(session: ChatSession, ann: User) -> None:
    headers, _ = program(ann, "read")
    assert Client(headers=headers).get(f"{URL}/sessions/{session.pk}").status_code == 200
    refused = Client(headers=headers).post(
        f"{URL}/sessions/{session.pk}/messages", {"content": "x"}
    )
    assert refused.status_code == 403


# --- Sessions -------------------------------------------------------------------------------------
def test_a_conversation_is_begun_set_up_shown_and_deleted(mine: Client, model: ModelServer) -> None:
    answer = post(mine, "/sessions")
    assert answer.status_code == 201
    path = f"/sessions/{answer.json()['sessionId']}"
    patched = send(mine, "PATCH", path, title="On bees", model="large", useDocuments=True).json()
    assert patched == send(mine, "GET", path).json()
    assert patched | {"createdAt": "", "updatedAt": "", "sessionId": ""} == {
        "sessionId": "", "title": "On bees", "model": "large", "useDocuments": True,
        "documentIds": [], "collectionIds": [], "mcpServerIds": [], "messages": [],
        "createdAt": "", "updatedAt": "",
    }  # fmt: skip
    assert send(mine, "DELETE", path).status_code == 204
    assert send(mine, "GET", path).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": " "}, "title"),
        ({"model": "huge"}, "model"),
        ({"documentIds": [str(uuid.uuid4())]}, "documentIds"),
        ({"mcpServerIds": ["nowhere"]}, "mcpServerIds"),
        ({"documentIds": ["nonsense"]}, "0"),
    ],
)
def test_what_a_conversation_cannot_have_is_said_by_field(
    mine: Client, session: ChatSession, body: dict[str, Any], field: str
) -> None:
    answer = send(mine, "PATCH", f"/sessions/{session.pk}", **body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"]
    assert answer["Content-Type"] == "application/problem+json"


def test_the_documents_of_a_conversation_are_mine(
    mine: Client, session: ChatSession, ann: User, bob: User, ready: Ready
) -> None:
    own, theirs = ready(ann, "a.txt", "Some words."), ready(bob, "b.txt", "Other words.")
    path = f"/sessions/{session.pk}"
    assert send(mine, "PATCH", path, documentIds=[str(theirs.pk)]).status_code == 422
    patched = send(mine, "PATCH", path, documentIds=[str(own.pk)])
    assert patched.json()["documentIds"] == [str(own.pk)]


def test_the_list_is_paged_latest_first_and_searched(mine: Client, ann: User, bob: User) -> None:
    names = ["One", "Two", "Three"]
    for name in names:
        begun(ann, title=name)
    begun(bob, title="Bob's One")
    first = mine.get(f"{URL}/sessions", {"limit": 2}).json()
    second = mine.get(f"{URL}/sessions", {"limit": 2, "cursor": first["next"]}).json()
    found = [session["title"] for session in first["sessions"] + second["sessions"]]
    assert (found, second["next"]) == (names[::-1], None)
    assert [s["title"] for s in mine.get(f"{URL}/sessions?q=one").json()["sessions"]] == ["One"]
    assert mine.get(f"{URL}/sessions?q=%00&cursor=").status_code == 200
    assert mine.get(f"{URL}/sessions?cursor=nonsense").status_code == 422


# --- Messages -------------------------------------------------------------------------------------
def test_a_message_is_answered_at_once_with_its_ids(mine: Client, session: ChatSession) -> None:
    answer = post(mine, f"/sessions/{session.pk}/messages", content=" Repeat: two ")
    assert answer.status_code == 202
    ids = answer.json()
    shown = send(mine, "GET", f"/sessions/{session.pk}").json()["messages"]
    assert [m["messageId"] for m in shown[-2:]] == [ids["messageId"], ids["replyId"]]
    message, reply = shown[-2:]
    assert (message["role"], message["content"], message["status"]) == (
        "user", "Repeat: two", "COMPLETE",
    )  # fmt: skip
    assert (reply["role"], reply["content"], reply["status"]) == ("assistant", "", "QUEUED")
    written(Message.objects.get(pk=ids["replyId"]))
    shown = send(mine, "GET", f"/messages/{ids['replyId']}").json()
    assert shown | {"createdAt": "", "firstTokenMs": 0, "tokensPerSecond": 0.0} == {
        "messageId": ids["replyId"], "parentId": ids["messageId"], "role": "assistant",
        "content": "two", "status": "COMPLETE", "error": "", "note": "", "model": "small",
        "promptTokens": 7, "completionTokens": 1, "firstTokenMs": 0, "tokensPerSecond": 0.0,
        "versions": [], "toolCalls": [], "sources": [], "createdAt": "",
    }  # fmt: skip


def test_the_same_post_twice_is_one_message(mine: Client, session: ChatSession) -> None:
    path = f"/sessions/{session.pk}/messages"
    first, second = (post(mine, path, "a-key", content="Hello") for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert session.messages.filter(role="user").count() == 2
    assert post(mine, path, "a-key", content="Another").status_code == 422
    reply = first.json()["replyId"]
    path = f"/messages/{reply}/regenerate"
    again = [post(mine, path, "another-key").json() for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize("content", ["", " \n ", "x" * 40_000, "\0"])
def test_what_is_no_message_is_refused_in_plain_words(
    mine: Client, session: ChatSession, content: str
) -> None:
    answer = post(mine, f"/sessions/{session.pk}/messages", "a-key", content=content)
    assert answer.status_code == 422
    assert "message" in answer.json()["errors"]["content"][0]
    mended = post(mine, f"/sessions/{session.pk}/messages", "a-key", content="Hello")
    assert mended.status_code == 202


def test_edit_regenerate_and_select_are_branches(mine: Client, session: ChatSession) -> None:
    question, answer = send(mine, "GET", f"/sessions/{session.pk}").json()["messages"]
    edited = post(mine, f"/messages/{question['messageId']}/edit", content="Repeat: Bye")
    assert edited.status_code == 202
    written(Message.objects.get(pk=edited.json()["replyId"]))
    shown = send(mine, "GET", f"/sessions/{session.pk}").json()["messages"]
    assert [message["content"] for message in shown] == ["Repeat: Bye", "Bye"]
    assert shown[0]["versions"] == [question["messageId"], edited.json()["messageId"]]
    assert post(mine, f"/messages/{question['messageId']}/select").status_code == 204
    shown = send(mine, "GET", f"/sessions/{session.pk}").json()["messages"]
    assert [message["content"] for message in shown] == ["Repeat: Hello", "Hello"]
    path = f"/messages/{answer['messageId']}/regenerate"
    assert post(mine, path, model="huge").json()["errors"]["model"]
    other = post(mine, path, model="large")
    assert other.status_code == 202
    shown = send(mine, "GET", f"/sessions/{session.pk}").json()
    assert shown["messages"][-1]["versions"] == [answer["messageId"], other.json()["replyId"]]
    assert shown["model"] == "large"
    assert post(mine, f"/messages/{question['messageId']}/regenerate").status_code == 422
    assert post(mine, f"/messages/{answer['messageId']}/edit", content="x").status_code == 422


def test_stop_and_retry(mine: Client, session: ChatSession) -> None:
    reply = post(mine, f"/sessions/{session.pk}/messages", content="Repeat: two").json()["replyId"]
    assert post(mine, f"/messages/{reply}/retry").status_code == 409
    assert post(mine, f"/messages/{reply}/stop").json()["status"] == "CANCELLED"
    assert post(mine, f"/messages/{reply}/stop").status_code == 409
    assert post(mine, f"/messages/{reply}/retry").json()["status"] == "QUEUED"
    assert post(mine, f"/messages/{reply}/retry").status_code == 409


def test_a_follow_up_is_shown_as_waiting(mine: Client, session: ChatSession, ann: User) -> None:
    say(session, "Repeat: two")
    reply = post(mine, f"/sessions/{session.pk}/messages", content="Repeat: three").json()
    assert send(mine, "GET", f"/messages/{reply['replyId']}").json()["status"] == "WAITING"


# --- Tools and models -----------------------------------------------------------------------------
def test_a_call_is_decided_once(mine: Client, session: ChatSession) -> None:
    assert session.leaf
    path = f"/tool-calls/{call_of(session.leaf).pk}"
    assert post(mine, path, decision="perhaps").status_code == 422
    assert post(mine, path, decision="deny", reason="\0").status_code == 422
    wrong = post(mine, path, decision="approve", arguments={"a": "\0"})
    assert "arguments" in wrong.json()["errors"]
    answer = post(mine, path, decision="approve", always=True, arguments={"a": 2})
    assert answer.status_code == 202
    [call] = answer.json()["toolCalls"]
    assert (call["status"], call["arguments"], call["serverName"]) == ("approved", {"a": 2}, "Sums")
    assert status_of(session.leaf) == Status.QUEUED
    assert post(mine, path, decision="deny").status_code == 409
    [permission] = send(mine, "GET", "/tool-permissions").json()["permissions"]
    assert (permission["serverName"], permission["tool"]) == ("Sums", "add")
    assert send(mine, "DELETE", f"/tool-permissions/{permission['id']}").status_code == 204
    assert not ToolPermission.objects.exists()


def test_models_and_tools_to_choose_from(mine: Client, model: ModelServer) -> None:
    assert send(mine, "GET", "/models").json() == {
        "models": [{"name": "small", "isDemo": False}, {"name": "large", "isDemo": False}]
    }
    assert send(mine, "GET", "/tool-servers").json() == {"servers": []}


def test_the_model_that_comes_along_is_called_a_demo(mine: Client, settings: Settings) -> None:
    settings.LLM_BASE_URL, settings.EMBEDDED_LLM_URL = "", "http://127.0.0.1:1/v1"
    settings.EMBEDDED_LLM_MODEL = "tiny"
    assert send(mine, "GET", "/models").json()["models"] == [{"name": "tiny", "isDemo": True}]


# --- As a file ------------------------------------------------------------------------------------
def test_a_conversation_is_exported_as_markdown_and_as_json(
    mine: Client, session: ChatSession, model: ModelServer
) -> None:
    failed = written(say(session, "Break off"))
    assert session.leaf
    call_of(session.leaf)
    ChatSession.objects.filter(pk=session.pk).update(title="Über / Bienen")
    path = f"{URL}/sessions/{session.pk}/export"
    response = mine.get(path)
    assert response["Content-Type"].startswith("text/markdown")
    assert "filename*=utf-8''%C3%9Cber" in response["Content-Disposition"]
    text = response.content.decode()
    assert text.startswith("# Über / Bienen\n\n## You, ")
    assert "## Assistant (small), " in text
    assert '> Tool add of Sums, with {"a": 1}: Waiting for you\n\nHello' in text
    assert f"> {Job.objects.get(pk=failed.job_id).error}" in text
    whole = mine.get(path, {"format": "json"}).json()
    assert (whole["title"], len(whole["messages"])) == ("Über / Bienen", 4)
    assert whole["leafId"] == whole["messages"][-1]["messageId"] == str(failed.pk)
    assert whole["messages"][1]["toolCalls"][0]["arguments"] == {"a": 1}
    assert whole["messages"][3]["status"] == "FAILED"
    assert mine.get(path, {"format": "pdf"}).status_code == 422


def test_a_long_conversation_costs_few_queries(
    mine: Client, session: ChatSession, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    parent = session.leaf
    for n in range(50):
        parent = Message.objects.create(session=session, parent=parent, role="user", content=str(n))
    ChatSession.objects.filter(pk=session.pk).update(leaf=parent)
    session_and_user = 2
    with django_assert_num_queries(session_and_user + 6):
        shown = send(mine, "GET", f"/sessions/{session.pk}").json()
    assert len(shown["messages"]) == 52
