"""The classes, the AsyncAPI document, docs/protocol.md and the browser's types tell the same."""

import io
import json
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft7Validator

from realtime import asyncapi, feed, frames
from realtime.events import Event, MessageChunk, SessionUpdate, encode
from tests import contract

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "realtime/static/realtime"
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
JSDOC, SOCKET_JS = (SCRIPTS / "messages.js").read_text(), (SCRIPTS / "socket.js").read_text()
DOWN, UP = get_args(frames.Outbound), get_args(frames.Inbound)


def compare(
    *,
    events: list[type[Event]] | None = None,
    document: dict[str, Any] | None = None,
    protocol: str = PROTOCOL,
    jsdoc: str = JSDOC,
    socket_js: str = SOCKET_JS,
) -> list[str]:
    """What the four tell differently; each may be given as it might become."""
    events = events or asyncapi.events()
    messages, codes = contract.of_classes(events, DOWN, UP), contract.of_close_codes()
    here, reactions = "the code", contract.of_reactions()
    return [
        *contract.differences(
            here, messages | codes, "asyncapi",
            contract.of_document(document or asyncapi.document()),
        ),
        *contract.differences(
            here, contract.as_in_tables(messages) | codes, "docs/protocol.md",
            contract.of_protocol(protocol),
        ),
        *contract.differences(here, messages, "messages.js", contract.of_jsdoc(jsdoc)),
        *contract.differences(here, reactions, "socket.js", contract.of_socket_js(socket_js)),
    ]  # fmt: skip


def test_the_four_agree() -> None:
    assert "\n".join(compare()) == ""


def changed(text: str, before: str, after: str) -> str:
    assert text.count(before) == 1, before
    return text.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("`READY` ", "", 'document_status.status: the code says "CANCELLED"'),
        ("`QUEUED` 0, ", "`QUEUED` 0, `ASKED`, ", 'docs/protocol.md says "ASKED" | '),
        ("documentId, status", "document, status", "document_status.document: the code says not"),
        ("progress, result? |", "progress, result |", "rag_progress.result: the code says any, op"),
        ("| `Source` |", "| `Place` |", "Place: the code says nothing"),
        ("| `ping` | | answered by pong |\n", "", "ping: the code says from the client; docs"),
        (
            "| `session_update` | no |",
            "| `session_update` | yes |",
            "session_update: the code says",
        ),
        (
            "| 4408 | too slow | resume",
            "| 4408 | too slow | stop",
            "close 4408: the code says too s",
        ),
        ("| 1013 |", "| 1014 |", "close 1014: the code says nothing"),
    ],
)
def test_a_change_of_the_page_alone_is_named(before: str, after: str, words: str) -> None:
    differences = compare(protocol=changed(PROTOCOL, before, after))
    assert [line for line in differences if words in line]
    assert all("docs/protocol.md says" in line for line in differences)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (' | "EXTRACTING"', "", "document_status.stage: the code says"),
        ("{Result} [result]", "{Result} result", "rag_progress.result: the code says Result, opt"),
        ("{Result} [result]", "{Source} [result]", "messages.js says Source, optional"),
        ("{number | null} expiresIn", "{number} expiresIn", "messages.js says number"),
        ("{string} content\n", "{string} words\n", "message_chunk.words: the code says nothing"),
        ("@property {Pong} pong\n", "", "pong: the code says from the server; messages.js"),
        ("SessionUpdate & Ephemeral", "SessionUpdate & Logged", "session_update: the code says"),
        (" | Activity |", " |", "activity: the code says from the client; messages.js"),
        ('{"ack"} type', '{"acknowledge"} type', "acknowledge: the code says nothing"),
        ('{"welcome"} type', '{"hello"} type', "welcome.type: the code says nothing"),
    ],
)
def test_a_change_of_the_browser_s_types_alone_is_named(
    before: str, after: str, words: str
) -> None:
    differences = compare(jsdoc=changed(JSDOC, before, after))
    assert [line for line in differences if words in line], differences
    assert all("messages.js says" in line for line in differences)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('4409: "too_many"', "", "close 4409: the code says stop; socket.js says nothing"),
        (
            "1013: 5_000",
            "1013: 500",
            "close 1013: the code says back off 5000; socket.js says back",
        ),
        ("[4408, 4412]", "[4408, 4412, 4429]", "socket.js says at once"),
        ("[1001, 1012]", "[1012]", "close 1001: the code says restart; socket.js says nothing"),
    ],
)
def test_a_change_of_what_the_browser_does_after_a_close_is_named(
    before: str, after: str, words: str
) -> None:
    differences = compare(socket_js=changed(SOCKET_JS, before, after))
    assert [line for line in differences if words in line], differences


def test_a_change_of_the_document_alone_is_named() -> None:
    document = deepcopy(asyncapi.document())
    schemas, messages = document["components"]["schemas"], document["components"]["messages"]
    del schemas["DocumentStatus"]["properties"]["message"]
    schemas["RagProgress"]["properties"]["stage"]["enum"].remove("QUEUED")
    schemas["Resync"]["required"].remove("reason")
    schemas["Source"]["properties"]["rank"]["type"] = "string"
    del messages["ping"]
    told = document["operations"]["tell"]["messages"]
    told.remove({"$ref": "#/channels/socket/messages/document_status"})
    document["channels"]["socket"]["x-close-codes"].pop()
    differences = compare(document=document)
    assert {line.partition(":")[0] for line in differences} == {
        "document_status", "document_status.message", "rag_progress.stage", "resync.reason",
        "Source.rank", "ping", "Ping", "close 4429",
    }  # fmt: skip
    assert all("asyncapi says" in line for line in differences)


def test_a_new_event_is_missed_everywhere() -> None:
    class Greeting(Event, frozen=True, kw_only=True, tag="greeting"):
        words: str

    differences = compare(events=[*asyncapi.events(), Greeting])
    assert len(differences) == 6
    for place in ("asyncapi", "docs/protocol.md", "messages.js"):
        assert f"greeting: the code says an event, Logged; {place} says nothing" in differences


def test_an_app_s_new_event_is_in_the_document_by_itself() -> None:
    class Greeting(Event, frozen=True, kw_only=True, tag="greeting"):
        words: str

    assert Greeting not in asyncapi.events()  # it is of no installed app
    Greeting.__module__ = "rag.events"
    try:
        document = asyncapi.document.__wrapped__()
    finally:
        Greeting.__module__ = __name__
    assert "greeting" in document["channels"]["socket"]["messages"]
    assert "words" in document["components"]["schemas"]["Greeting"]["properties"]


def test_the_document_is_asyncapi() -> None:
    """By the official schema, which `make test-tools` installs."""
    folder = ROOT / "tests/asyncapi/node_modules/@asyncapi/specs/schemas"
    official = json.loads((folder / "3.0.0-without-$id.json").read_text())
    Draft7Validator(official).validate(asyncapi.document())
    for schema in asyncapi.document()["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    def look(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if key == "$ref":
                place: Any = asyncapi.document()
                for step in value.removeprefix("#/").split("/"):
                    place = place[step]
            elif isinstance(value, dict | list):
                look(value)

    look(asyncapi.document())


def test_what_is_sent_is_as_the_document_says() -> None:
    event = MessageChunk(
        message_id="m", session_id="", content="Hi", is_complete=False, content_offset=0
    )
    [sent] = [json.loads(frames.text_of(feed.frame_of("e", 3, 4, encode(event))))]
    contract.validator("message_chunk").validate(sent)
    assert set(sent) > set(asyncapi.Logged.__struct_fields__) - {"attempt", "terminal"}
    assert not contract.validator("message_chunk").is_valid(sent | {"prev": "?"})
    assert not contract.validator("message_chunk").is_valid(sent | {"content": 7})
    ended = SessionUpdate(status="expired", expires_in=0)
    contract.validator("session_update").validate(json.loads(encode(ended)))
    resync = frames.Resync(reason="epoch", id="e-4")
    contract.validator("resync").validate(json.loads(frames.text_of(frames.encode(resync))))


def test_the_document_is_printed_and_served(client: Client) -> None:
    printed = io.StringIO()
    call_command("asyncapi", stdout=printed)
    assert json.loads(printed.getvalue()) == asyncapi.document()
    answer = client.get("/api/asyncapi.json")
    assert (answer.status_code, answer.json()) == (200, asyncapi.document())
