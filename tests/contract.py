"""The realtime contract as flat facts, read from each place that tells it.

A fact has a name, as `document_status`, `document_status.stage` or `close 4408`, and what is said
of it: what kind of message, which type (as TypeScript writes it), what a client does.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from jsonschema import Draft7Validator
from msgspec import inspect

from realtime import asyncapi
from realtime.asyncapi import Ephemeral, Logged, tag
from realtime.close_codes import CloseCode
from realtime.events import Event

Facts = dict[str, str]
Messages = Iterable[type[msgspec.Struct]]
DOWN, UP, PART = "from the server", "from the client", "a part"


def differences(one: str, facts: Facts, other: str, others: Facts) -> list[str]:
    """In words, what two places tell differently."""
    said = {
        name: (facts.get(name, "nothing"), others.get(name, "nothing"))
        for name in sorted(facts.keys() | others.keys())
    }
    return [
        f"{name}: {one} says {this}; {other} says {that}"
        for name, (this, that) in said.items()
        if this != that
    ]


def _union(types: Iterable[str]) -> str:
    return " | ".join(sorted({part for one in types for part in one.split(" | ")}))


def _fact(of_type: str, *, optional: bool) -> str:
    return f"{of_type}, optional" if optional else of_type


# --- The classes ---
def of_classes(events: Iterable[type[Event]], down: Messages, up: Messages) -> Facts:
    facts: Facts = {}
    parts: list[type] = [Logged, Ephemeral]
    for event in events:
        kind = f"an event, {(Logged if event.is_logged else Ephemeral).__name__}"
        facts |= {tag(event): kind} | _fields(tag(event), event, parts)
    for message in down:
        facts |= {tag(message): DOWN} | _fields(tag(message), message, parts)
    for message in up:
        facts |= {tag(message): UP} | _fields(tag(message), message, parts)
    for part in parts:  # which grows as parts of parts are met
        facts |= {part.__name__: PART} | _fields(part.__name__, part, parts)
    return facts


def _fields(name: str, message: type, parts: list[type]) -> Facts:
    info = inspect.type_info(message)
    assert isinstance(info, inspect.StructType)
    carried = Event.__struct_fields__ if issubclass(message, Event) else ()
    return {
        f"{name}.{field.encode_name}": _fact(_type(field.type, parts), optional=not field.required)
        for field in info.fields
        if field.name not in carried
    }


def _type(info: inspect.Type, parts: list[type]) -> str:
    match info:
        case inspect.Metadata(type=of_type):
            return _type(of_type, parts)
        case inspect.StrType():
            return "string"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.BoolType():
            return "boolean"
        case inspect.NoneType():
            return "null"
        case inspect.DictType():
            return "object"
        case inspect.LiteralType(values=values):
            return _union(f'"{value}"' for value in values)
        case inspect.UnionType(types=types):
            return _union(_type(one, parts) for one in types)
        case inspect.ListType(item_type=item):
            return f"{_type(item, parts)}[]"
        case inspect.StructType(cls=cls):
            if cls not in parts:
                parts.append(cls)
            return cls.__name__
    raise AssertionError(f"a type that no message has had so far: {info}")


def of_close_codes() -> Facts:
    return {f"close {int(code)}": f"{code.meaning}: {code.client}" for code in CloseCode}


# --- The AsyncAPI document ---
def of_document(document: dict[str, Any]) -> Facts:
    facts: Facts = {}
    components, operations = document["components"], document["operations"]
    schemas = components["schemas"]
    for name, message in components["messages"].items():
        payload = message["payload"]
        if "allOf" in payload:
            carried, payload = payload["allOf"]
            kind = f"an event, {_name(carried)}"
            assert message["x-logged"] == (_name(carried) == "Logged"), name
            operation = "tell"
        else:
            operation = "control" if _is_in(operations["control"], name) else "obey"
            kind = DOWN if operation == "control" else UP
        if not _is_in(operations[operation], name):
            kind += ", which no operation sends or receives"
        facts |= {name: kind} | _properties(name, schemas[_name(payload)])
        schemas = {key: value for key, value in schemas.items() if key != _name(payload)}
    for name, schema in schemas.items():
        facts |= {name: PART} | _properties(name, schema)
    codes = document["channels"]["socket"]["x-close-codes"]
    return facts | {f"close {c['code']}": f"{c['meaning']}: {c['client']}" for c in codes}


def validator(message: str) -> Draft7Validator:
    """Of messages of a type, by the document."""
    components = asyncapi.document()["components"]
    return Draft7Validator(components["messages"][message]["payload"] | {"components": components})


def _name(reference: dict[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _is_in(operation: dict[str, Any], message: str) -> bool:
    return message in [_name(reference) for reference in operation["messages"]]


def _properties(name: str, schema: dict[str, Any]) -> Facts:
    return {
        f"{name}.{field}": _fact(_schema_type(value), optional=field not in schema["required"])
        for field, value in schema["properties"].items()
        if field != "type"
    }


def _schema_type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "enum" in schema:
        return _union(f'"{value}"' for value in schema["enum"])
    if "anyOf" in schema:
        return _union(_schema_type(one) for one in schema["anyOf"])
    if schema["type"] == "array":
        return f"{_schema_type(schema['items'])}[]"
    return str({"integer": "number"}.get(schema["type"], schema["type"]))


# --- The types of the browser ---
def of_jsdoc(text: str) -> Facts:
    """`messages.js`: a typedef for each message and part, and which of them come and go."""
    types = _typedefs(text)
    coming, going = types.pop("Incoming"), types.pop("Outgoing")
    facts: Facts = {}
    for name, of_type in coming.items():
        typedef, _, carried = of_type.partition(" & ")
        kind = f"an event, {carried}" if carried else DOWN
        facts |= {name: kind} | _message(name, types.pop(typedef))
    for typedef in going["="].split(" | "):
        message = types.pop(typedef)
        name = message["type"].strip('"')
        facts |= {name: UP} | _message(name, message)
    for name, fields in types.items():
        facts |= {name: PART} | _message(name, fields)
    return facts


def _typedefs(text: str) -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for comment in re.findall(r"/\*\*(.*?)\*/", text, re.S):
        words = " ".join(line.strip().removeprefix("*").strip() for line in comment.splitlines())
        if not (found := re.search(r"@typedef \{(.*?)\} (\w+)", words)):
            continue
        fields = re.findall(r"@property \{(.*?)\} (\[?\w+\]?)", words)
        types[found[2]] = {name: re.sub(r"\s+", " ", of_type) for of_type, name in fields}
        if found[1] != "object":
            types[found[2]] = {"=": found[1]}
    return types


def _message(name: str, fields: dict[str, str]) -> Facts:
    facts = {
        f"{name}.{field.strip('[]')}": _fact(_union([of_type]), optional=field.startswith("["))
        for field, of_type in fields.items()
        if field != "type"
    }
    own = fields.get("type", f'"{name}"').strip('"')
    return facts if own == name else facts | {f"{name}.type": f'"{own}"'}


def of_socket_js(text: str) -> Facts:
    """What `socket.js` does after a close code, where it does not simply back off."""

    def table(name: str) -> dict[str, str]:
        found = re.search(rf"const {name} = \{{(.*?)\}};", text, re.S)
        assert found, name
        return dict(re.findall(r"(\d+): ([\w\"]+)", found[1]))

    def numbers(name: str) -> list[str]:
        found = re.search(rf"const {name} = new Set\(\[(.*?)\]\);", text, re.S)
        assert found, name
        return re.findall(r"\d+", found[1])

    later = {code: f"back off {ms.replace('_', '')}" for code, ms in table("NOT_BEFORE").items()}
    facts = dict.fromkeys(table("STOPS"), "stop") | later
    facts |= dict.fromkeys(numbers("AT_ONCE"), "at once")
    facts |= dict.fromkeys(numbers("RESTARTS"), "restart")
    return {f"close {code}": words for code, words in facts.items()}


def of_reactions() -> Facts:
    """The same by the table of close codes."""
    words = {
        f"close {int(code)}": f"{code.reaction} {code.not_before or ''}".strip()
        for code in CloseCode
    }
    return {name: reaction for name, reaction in words.items() if reaction != "back off"}


# --- docs/protocol.md ---
def of_protocol(text: str) -> Facts:
    """The tables of the page. They tell the values of a field, not its type otherwise."""
    facts: Facts = {}
    for section in text.split("\n## ")[1:]:
        for header, rows in _tables(section):
            for row in rows:
                facts |= _row(section.partition("\n")[0], header, row)
    return facts


def _tables(section: str) -> Iterable[tuple[list[str], list[list[str]]]]:
    for table in re.findall(r"(?:^\|.*\n?)+", section, re.M):
        header, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
        )
        yield header, rows


def _row(section: str, header: list[str], row: list[str]) -> Facts:
    cells = dict(zip(header, row, strict=True))
    if header == ["code", "meaning", "client"]:
        return {f"close {cells['code']}": f"{cells['meaning']}: {cells['client']}"}
    if "fields" not in header:
        return {}
    name = row[0].strip("`")
    kind = {"part": PART, "type": UP if section.startswith("Client") else DOWN}[header[0]]
    if "logged" in cells:
        kind = "an event, " + {"yes": "Logged", "no": "Ephemeral"}[cells["logged"]]
    values = dict(re.findall(r"(\w+): ([^;]*)", cells.get("values", "")))
    facts = {name: kind}
    for field in filter(None, cells["fields"].split(", ")):
        listed = re.findall(r"`(\w+|\"\")`", values.get(field.strip("?"), ""))
        told = _union(f'"{value.strip(chr(34))}"' for value in listed) or "any"
        facts[f"{name}.{field.strip('?')}"] = _fact(told, optional=field.endswith("?"))
    return facts


def as_in_tables(facts: Facts) -> Facts:
    """What of the facts the tables can tell."""
    return {name: _as_in_table(told) if "." in name else told for name, told in facts.items()}


def _as_in_table(told: str) -> str:
    of_type, _, optional = told.partition(", ")
    values = [value for value in of_type.split(" | ") if value.startswith('"')]
    return _fact(_union(values) or "any", optional=bool(optional))
