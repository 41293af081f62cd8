"""Arguments are held against a schema that nobody vouches for."""

import socket
import time
from typing import Any

import pytest

from mcp_install.arguments import check_arguments
from mcp_install.troubles import Trouble

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": ["integer", "null"], "minimum": 0},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
    "required": ["name"],
    "additionalProperties": False,
}


# Each definition is two of the next: a thousand milliards of steps.
DOUBLING = {
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    | {"d40": {}},
    "$ref": "#/$defs/d0",
}


def errors_of(schema: Any, arguments: Any) -> dict[str, list[str]]:
    try:
        check_arguments({"inputSchema": schema}, arguments)
    except Trouble as trouble:
        return dict(trouble.facts["errors"])
    return {}


@pytest.mark.parametrize(
    ("arguments", "place", "words"),
    [
        ({}, "arguments", "name: needed."),
        ({"name": 1}, "name", "It has to be of type string."),
        ({"name": "x", "age": "y"}, "age", "It has to be of type integer, null."),
        ({"name": "x", "age": -1}, "age", "-1 is less than the minimum of 0."),
        ({"name": "x", "kind": "c"}, "kind", "It has to be one of a, b."),
        ({"name": "x", "tags": ["a", 1]}, "tags.1", "It has to be of type string."),
        ({"name": "x", "place": {"city": 1}}, "place.city", "It has to be of type string."),
        ({"name": "x", "more": 1}, "arguments", "Only name, age, kind, tags, place can be given."),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(arguments: Any, place: str, words: str) -> None:
    assert errors_of(PERSON, arguments) == {place: [words]}


def test_what_fits_passes() -> None:
    whole = {"name": "x", "age": None, "kind": "a", "tags": [], "place": {}}
    assert errors_of(PERSON, whole) == {}
    assert errors_of({}, {"anything": 1}) == {}


def test_references_within_the_schema_are_followed() -> None:
    schema = {"$defs": {"n": {"type": "number"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}
    assert errors_of(schema, {"a": "x"}) == {"a": ["It has to be of type number."]}


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: Any, **__: Any) -> Any:
        raise AssertionError("it was fetched")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    schema = {"properties": {"a": {"$ref": "http://192.0.2.1/schema.json"}}}
    assert errors_of(schema, {"a": "x"}) == {}


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}, {"a": "a" * 40 + "!"}),
        (
            {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
            {"a" * 40 + "!": 1},
        ),
        (DOUBLING, {"a": 1}),
        ({"$ref": "#"}, {"a": 1}),
        ({"type": "nothing"}, {"a": 1}),
        ({"type": 7}, {"a": 1}),
        ({"properties": "many"}, {"a": 1}),
        ({"$ref": "#/nowhere"}, {"a": 1}),
        ({"minimum": "x", "properties": {"a": {"minimum": "x"}}}, {"a": 1}),
    ],
)
def test_a_schema_that_is_a_trap_or_none_lets_all_pass_and_takes_no_time(
    schema: Any, arguments: Any
) -> None:
    began = time.process_time()
    assert errors_of(schema, arguments) == {}
    assert time.process_time() - began < 2
