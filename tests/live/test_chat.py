"""An answer cannot be lost: tabs close, servers restart, workers are killed while it is written."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
import pytest

from tests.live.tab import Tab
from tests.mcp_over_http import Serving, serving
from tests.model_server import KEY, ModelServer, running
from tests.stack import ROOT, LiveStack, until

RATE = 50.0  # tokens a second
LONG = 400  # numbers: eight seconds
WHOLE = "".join(f"{n} " for n in range(1, LONG + 1))


@dataclass
class World:
    stack: LiveStack
    model: ModelServer
    tools: Serving


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The product with a language model that does as it is told, and a server of tools."""
    with running(RATE) as model, serving() as tools:
        stack = LiveStack(
            tmp_path_factory.mktemp("chat") / "var",
            LLM_BASE_URL=model.url,
            LLM_API_KEY=KEY,
            LLM_MODEL="small,large",
            TOOL_PROVIDER="tests.mcp_over_http.Provider",
            TOOLS_URL=tools.url,
        )
        try:
            stack.make_users()
            yield World(stack, model, tools)
        finally:
            stack.stop()


@pytest.fixture
def ann(world: World) -> Iterator[httpx.Client]:
    with world.stack.client("ann") as client:
        yield client


class Chat:
    """One conversation of ann's."""

    def __init__(self, client: httpx.Client, **set_up: Any) -> None:
        self.client = client
        self.id = str(self.post("/sessions")["sessionId"])
        client.patch(f"/api/chat/sessions/{self.id}", json=set_up).raise_for_status()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.client.post(f"/api/chat{path}", json=body)
        assert answer.is_success, answer.text
        posted: dict[str, Any] = answer.json()
        return posted

    def say(self, words: str) -> str:
        """The id of the reply."""
        return str(self.post(f"/sessions/{self.id}/messages", content=words)["replyId"])

    def message(self, message_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/chat/messages/{message_id}").raise_for_status()
        shown: dict[str, Any] = answer.json()
        return shown

    def until_it_says(self, reply: str, words: str) -> None:
        until(lambda: words in self.message(reply)["content"], within=20)

    def ended(self, reply: str, within: float = 60.0) -> dict[str, Any]:
        def over() -> dict[str, Any] | None:
            shown = self.message(reply)
            return shown if shown["status"] in ("COMPLETE", "FAILED", "CANCELLED") else None

        shown = until(over, within=within)
        assert shown is not None
        return shown


@pytest.fixture
def chat(ann: httpx.Client) -> Chat:
    return Chat(ann)


class Reader:
    """Puts a reply's text together from a tab's events."""

    def __init__(self, tab: Tab, reply: str, text: str = "") -> None:
        self.tab, self.reply, self.text, self.last_id = tab, reply, text, ""

    def read(self, until_it_has: str = "") -> "Reader":
        """Up to some words, or to the end."""
        while not (until_it_has and until_it_has in self.text):
            event = self.tab.next()
            assert event["type"] != "resync"
            if "id" not in event or event["type"] == "heartbeat":
                continue
            self.last_id = event["id"]
            if event.get("messageId") != self.reply:
                continue
            if event["type"] == "message_chunk":
                assert event["contentOffset"] <= len(self.text), "a piece is missing"
                self.text = self.text[: event["contentOffset"]] + event["content"]
            elif event["type"] == "message_status" and event["terminal"]:
                break
        return self


def opened(world: World, client: httpx.Client, after: str | None = None) -> Tab:
    tab = Tab(world.stack, client).resume(after)
    if after is None:
        assert tab.next()["type"] == "resumed"
    return tab


def kill(world: World, words: str) -> None:
    found = world.stack.processes(words)
    assert found
    for process in found:
        process.send_signal(signal.SIGKILL)


# --- Tabs -----------------------------------------------------------------------------------------
def test_an_answer_goes_on_when_the_tab_is_closed(
    world: World, ann: httpx.Client, chat: Chat
) -> None:
    tab = opened(world, ann)
    reply = chat.say(f"Count to {LONG}")
    Reader(tab, reply).read("10 11 12")
    tab.socket.close()
    shown = chat.ended(reply)
    assert (shown["status"], shown["content"]) == ("COMPLETE", WHOLE)


def test_a_page_loaded_in_mid_answer_and_the_events_after_it_are_the_whole(
    world: World, ann: httpx.Client, chat: Chat
) -> None:
    reply = chat.say(f"Count to {LONG}")
    chat.until_it_says(reply, "40 41 42")
    page = ann.get(f"/chat/{chat.id}/").raise_for_status().text
    found = re.search(
        rf'<chat-message[^>]* data-id="{reply}"[^>]*>(.*?)</chat-message>', page, re.S
    )
    after = re.search(r'data-live-after="([^"]+)"', page)
    assert found
    assert after
    length = re.search(r'data-length="(\d+)"', found[0])
    assert length
    held = WHOLE[: int(length[1])]
    assert 100 < len(held) < len(WHOLE)
    words = unescape(re.sub(r"<[^>]+>", " ", found[1].partition('class="reply-state"')[0]))
    assert [w for w in words.split() if w.isdecimal()] == held.split()
    reader = Reader(opened(world, ann, after[1]), reply, held)
    assert reader.read().text == WHOLE


def test_a_second_tab_opened_in_mid_answer_shows_all_of_it(
    world: World, ann: httpx.Client, chat: Chat
) -> None:
    first = opened(world, ann)
    reply = chat.say(f"Count to {LONG}")
    begun = Reader(first, reply).read("30 31 32")
    snapshot = ann.get("/api/realtime/snapshot").json()
    [told] = [event for event in snapshot["messages"] if event["messageId"] == reply]
    second = Reader(opened(world, ann, snapshot["asOf"]), reply, told["content"])
    assert second.read().text == begun.read().text == WHOLE


def test_a_web_server_killed_in_mid_answer_costs_nothing(
    world: World, ann: httpx.Client, chat: Chat
) -> None:
    reply = chat.say(f"Count to {LONG}")
    reader = Reader(opened(world, ann), reply)
    chat.until_it_says(reply, "10 11 12")
    reader.text = chat.message(reply)["content"]
    reader.read("30 31 32")
    kill(world, "demo.web")
    until(lambda: answers(world), within=30)
    reader.tab = opened(world, ann, reader.last_id)
    assert reader.read().text == WHOLE


def answers(world: World) -> bool:
    try:
        return httpx.get(f"{world.stack.url}/healthz", timeout=2).is_success
    except httpx.HTTPError:
        return False


# --- What a person does ---------------------------------------------------------------------------
def test_stop_ends_an_answer_within_a_second_and_keeps_its_text(chat: Chat) -> None:
    reply = chat.say("Count to 5000")
    chat.until_it_says(reply, "20 21 22")
    began = time.monotonic()
    chat.post(f"/messages/{reply}/stop")
    until(lambda: chat.message(reply)["status"] == "CANCELLED", within=10, every=0.02)
    assert time.monotonic() - began < 1.0
    assert chat.message(reply)["content"].startswith("1 2 3 4 5 ")


def test_a_model_that_says_nothing_is_stopped_as_fast(chat: Chat, world: World) -> None:
    asked = len(world.model.asked)
    reply = chat.say("Hang")
    until(lambda: len(world.model.asked) > asked)
    began = time.monotonic()
    chat.post(f"/messages/{reply}/stop")
    until(lambda: chat.message(reply)["status"] == "CANCELLED", within=10, every=0.02)
    assert time.monotonic() - began < 1.0


def test_a_follow_up_is_queued_shown_so_and_then_answered(chat: Chat) -> None:
    first = chat.say("Count to 100")
    second = chat.say("Repeat: And then this.")
    assert chat.message(second)["status"] == "WAITING"
    assert chat.ended(second)["content"] == "And then this."
    assert chat.message(first)["status"] == "COMPLETE"


def test_the_first_exchange_names_the_conversation(chat: Chat) -> None:
    chat.ended(chat.say("Repeat: Hello"))

    def title() -> str:
        return str(chat.client.get(f"/api/chat/sessions/{chat.id}").json()["title"])

    until(lambda: title() == "Well", within=20)


# --- Processes die --------------------------------------------------------------------------------
def test_a_worker_killed_in_mid_answer_ends_it_as_interrupted_with_its_text_and_retry_works(
    world: World, chat: Chat
) -> None:
    reply = chat.say(f"Count to {LONG}")
    following = chat.say("Repeat: And then this.")
    chat.until_it_says(reply, "20 21 22")
    kill(world, "--queues=interactive")
    killed = time.monotonic()
    shown = chat.ended(reply)
    assert time.monotonic() - killed < 30
    assert shown["status"] == "FAILED"
    assert shown["error"].startswith("Interrupted")
    assert WHOLE.startswith(shown["content"])
    assert "20 21 22" in shown["content"]
    assert chat.ended(following)["content"] == "And then this."
    chat.post(f"/messages/{reply}/retry")
    until(lambda: chat.message(reply)["status"] not in ("FAILED", "QUEUED"))
    shown = chat.ended(reply)
    assert (shown["status"], shown["content"]) == ("COMPLETE", WHOLE)


def test_a_worker_killed_before_the_first_word_is_not_noticed(world: World, chat: Chat) -> None:
    asked = len(world.model.asked)
    reply = chat.say("Hang")
    until(lambda: len(world.model.asked) > asked)
    kill(world, "--queues=interactive")
    until(lambda: len(world.model.asked) > asked + 1, within=30)
    chat.post(f"/messages/{reply}/stop")
    assert chat.ended(reply)["status"] == "CANCELLED"


def test_valkey_killed_in_mid_answer_the_text_is_complete(
    world: World, ann: httpx.Client, chat: Chat
) -> None:
    tab = opened(world, ann)
    reply = chat.say(f"Count to {LONG}")
    Reader(tab, reply).read("20 21 22")
    kill(world, "valkey-server")
    while (frame := tab.next())["type"] != "resync":
        pass
    assert frame["reason"] == "epoch"
    shown = chat.ended(reply)
    assert (shown["status"], shown["content"]) == ("COMPLETE", WHOLE)
    while (frame := tab.next()).get("messageId") != reply or not frame.get("terminal"):
        pass
    assert frame["status"] == "COMPLETE"


# --- Tools ----------------------------------------------------------------------------------------
def test_a_tool_waits_for_ann_over_a_killed_worker_and_runs_once(
    world: World, ann: httpx.Client
) -> None:
    chat = Chat(ann, mcpServerIds=["sums"])
    ran = len(world.tools.called)
    reply = chat.say('Use add {"a": 20, "b": 22}')
    until(lambda: chat.message(reply)["status"] == "WAITING")
    kill(world, "--queues=interactive")
    [call] = chat.message(reply)["toolCalls"]
    assert (call["name"], call["status"]) == ("add", "awaiting_approval")
    decide = f"/api/chat/tool-calls/{call['callId']}"
    with world.stack.client("bob") as bob:
        assert bob.post(decide, json={"decision": "approve"}).status_code == 404
    assert len(world.tools.called) == ran
    tab = opened(world, ann)
    assert ann.post(decide, json={"decision": "approve"}).status_code == 202
    assert ann.post(decide, json={"decision": "deny"}).status_code == 409
    told = []
    while (event := tab.next())["type"] != "message_status" or not event["terminal"]:
        if event["type"] == "tool_call":
            told.append(event["status"])
    assert told == ["approved", "running", "done"]
    assert "42" in chat.ended(reply)["content"]
    assert world.tools.called[ran:] == [("add", {"a": 20, "b": 22})]


def test_a_worker_killed_while_a_tool_runs_does_not_run_it_again(
    world: World, ann: httpx.Client
) -> None:
    chat = Chat(ann, mcpServerIds=["sums"])
    ran = len(world.tools.called)
    reply = chat.say('Use slow {"seconds": 15}')
    until(lambda: chat.message(reply)["status"] == "WAITING")
    [call] = chat.message(reply)["toolCalls"]
    chat.post(f"/tool-calls/{call['callId']}", decision="approve")
    until(lambda: len(world.tools.called) > ran)
    kill(world, "--queues=interactive")
    killed = time.monotonic()
    assert chat.ended(reply)["error"].startswith("Interrupted")
    assert time.monotonic() - killed < 30
    until(lambda: chat.message(reply)["toolCalls"][0]["status"] == "failed", within=10)
    assert len(world.tools.called) == ran + 1


# --- The terminal ---------------------------------------------------------------------------------
def talk(world: World, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "chat", *arguments, "--owner", "ann"],
        cwd=ROOT, env=world.stack.environment, text=True, bufsize=1,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_terminal_shows_words_as_they_come_and_ctrl_c_stops_the_reply(world: World) -> None:
    with talk(world, "Count to 5000", "--json") as process:
        assert process.stdout
        session = json.loads(process.stdout.readline())["sessionId"]
        text = ""
        for line in process.stdout:
            event = json.loads(line)
            if event.get("type") == "message_chunk":
                text += event["content"]
            if "20 21 22" in text:
                break
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        *_, last = process.stdout
        assert process.wait(10) == 1
        assert time.monotonic() - began < 3
        assert process.stderr
        assert process.stderr.read() == "CommandError: Stopped.\n"
    reply = json.loads(last)
    assert reply["status"] == "CANCELLED"
    assert reply["content"].startswith(text)
    done = world.stack.manage("chat", "Repeat: on", "--session", session, "--owner", "ann")
    assert (done.returncode, done.stdout) == (0, "on\n")


def test_ctrl_c_ends_who_says_nothing_and_ctrl_d_too(world: World) -> None:
    with talk(world) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("Repeat: Hello\n")
        assert process.stdout.readline() == "Hello\n"

        def interrupted() -> bool:  # the first may come while the reply still ends
            process.send_signal(signal.SIGINT)
            return process.poll() is not None

        until(interrupted, within=10, every=0.5)
        assert process.returncode in (130, -signal.SIGINT)
    with talk(world) as process:
        out, _ = process.communicate("Repeat: one\nRepeat: two\n", timeout=60)
        assert (out, process.returncode) == ("one\ntwo\n", 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Hello", "--owner", "nobody"), "There is no user nobody."),
        (("Fail with 404", "--owner", "ann"), "does not know the model"),
    ],
)
def test_a_mistake_is_one_clear_line(world: World, arguments: tuple[str, ...], words: str) -> None:
    done = world.stack.manage("chat", *arguments, "--json")
    assert done.returncode != 0
    [line] = done.stderr.strip().splitlines()
    assert words in line
    assert KEY not in done.stdout + done.stderr


def test_the_key_of_the_model_server_is_in_no_log(world: World) -> None:
    logs = [path.read_text(errors="replace") for path in (world.stack.folder / "log").iterdir()]
    assert logs
    assert not any(KEY in text for text in logs)
