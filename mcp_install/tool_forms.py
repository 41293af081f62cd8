"""A form from a tool's JSON schema: a field for each argument, as far as a form can say it.

What is more than a text, a number, a choice or a yes is entered as JSON.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from mcp_install.server_json import canonical

MOST_FIELDS = 100
MOST_CHOICES = 200
_KINDS = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean"}


@dataclass(frozen=True)
class Field:
    """`kind`: string, number, boolean, choice or json. `choices` and `usual` are JSON texts, but
    that a string is as it is in `usual`."""

    name: str
    kind: str
    title: str
    description: str
    is_required: bool
    choices: tuple[tuple[str, str], ...]
    usual: str
    hint: str


def fields_of(schema: Any) -> list[Field]:
    """What is required comes first."""
    properties = _dict(_dict(schema).get("properties"))
    needed = _dict(schema).get("required")
    required = set(map(str, needed)) if isinstance(needed, list) else set()
    fields = [
        _field(name, _plain(_dict(one)), name in required)
        for name, one in list(properties.items())[:MOST_FIELDS]
    ]
    return sorted(fields, key=lambda field: not field.is_required)


def digest_of(tool: dict[str, Any]) -> str:
    """Changes when the tool does."""
    return sha256(canonical(tool)).hexdigest()[:16]


def _field(name: str, one: dict[str, Any], is_required: bool) -> Field:
    choices = _choices(one)
    kind = "choice" if choices else _KINDS.get(_type(one), "json")
    usual = one.get("default")
    as_is = kind == "string" and isinstance(usual, str)
    return Field(
        name=name,
        kind=kind,
        title=str(one.get("title") or ""),
        description=str(one.get("description") or ""),
        is_required=is_required,
        choices=choices,
        usual="" if usual is None else usual if as_is else _json(usual),
        hint=_type(one) if kind == "json" else "",
    )


def _plain(one: dict[str, Any]) -> dict[str, Any]:
    """What may also be null is asked for as what else it may be."""
    for name in ("anyOf", "oneOf"):
        several = [_dict(each) for each in one.get(name) or [] if isinstance(each, dict)]
        others = [each for each in several if each.get("type") != "null"]
        if len(others) == 1:
            return others[0] | {key: value for key, value in one.items() if key != name}
    return one


def _type(one: dict[str, Any]) -> str:
    kinds = one.get("type")
    several = kinds if isinstance(kinds, list) else [kinds]
    named = [kind for kind in several if isinstance(kind, str) and kind != "null"]
    return named[0] if len(named) == 1 else "JSON"


def _choices(one: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Pairs of JSON and what is shown."""
    values = [one["const"]] if "const" in one else one.get("enum")
    if not isinstance(values, list) or len(values) > MOST_CHOICES:
        return ()
    return tuple(
        (_json(value), value if isinstance(value, str) else _json(value)) for value in values
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
