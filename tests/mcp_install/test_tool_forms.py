"""A form from a tool's JSON schema."""

from typing import Any

import pytest

from mcp_install.tool_forms import MOST_FIELDS, digest_of, fields_of


def one(schema: dict[str, Any], **more: Any) -> Any:
    [field] = fields_of({"type": "object", "properties": {"it": schema}} | more)
    return field


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"enum": ["a", 2]}, "choice"),
        ({"const": "a"}, "choice"),
        ({"type": "array", "items": {"type": "string"}}, "json"),
        ({"type": "object"}, "json"),
        ({"$ref": "#/$defs/A"}, "json"),
        ({}, "json"),
        ({"type": ["string", "null"]}, "string"),
        ({"type": ["string", "integer"]}, "json"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "number"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "json"),
    ],
)
def test_every_argument_has_the_field_that_fits(schema: dict[str, Any], kind: str) -> None:
    assert one(schema).kind == kind


def test_what_is_required_comes_first_and_is_marked() -> None:
    properties = {"a": {"type": "string"}, "b": {"type": "string"}}
    fields = fields_of({"properties": properties, "required": ["b"]})
    assert [(field.name, field.is_required) for field in fields] == [("b", True), ("a", False)]


def test_what_is_usual_is_filled_in() -> None:
    assert one({"type": "string", "default": "as it is"}).usual == "as it is"
    assert one({"type": "boolean", "default": True}).usual == "true"
    assert one({"type": "array", "default": ["é"]}).usual == '["é"]'
    assert one({"enum": ["a", "b"], "default": "b"}).usual == '"b"'
    assert one({"type": "string"}).usual == ""


def test_choices_keep_their_types() -> None:
    assert one({"enum": ["1", 1, None]}).choices == (('"1"', "1"), ("1", "1"), ("null", "null"))


@pytest.mark.parametrize(
    "schema",
    [None, [], "x", {}, {"properties": []}, {"properties": {"a": 7}, "required": "a"}],
)
def test_a_schema_that_is_none_makes_a_form_all_the_same(schema: Any) -> None:
    assert len(fields_of(schema)) <= 1


def test_a_form_has_an_end() -> None:
    properties = {f"n{number}": {"type": "string"} for number in range(1000)}
    assert len(fields_of({"properties": properties})) == MOST_FIELDS


def test_a_tool_that_changed_has_another_digest() -> None:
    tool = {"name": "a", "inputSchema": {"type": "object"}}
    assert digest_of(tool) == digest_of(dict(tool))
    assert digest_of(tool) != digest_of(tool | {"name": "b"})
