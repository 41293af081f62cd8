"""The official registry's `server.json`: what we use of it is checked, the rest is kept unread.

The schema of 2025-12-11 in camelCase; files from before September 2025, in snake_case, are brought
into that form when they come in.
"""

import json
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mcp_install.troubles import Trouble
from realtime.text import Text

MOST_BYTES = 64 * 1024
META = "workspace/install"  # our own hints, in `_meta`
_RENAMED = {
    name: to_camel(name)
    for name in (
        "registry_type", "registry_base_url", "file_sha256", "runtime_hint", "runtime_arguments",
        "package_arguments", "environment_variables", "is_required", "is_secret", "is_repeated",
        "value_hint", "website_url",
    )
} | {"registry_name": "registryType"}  # fmt: skip
_KEPT = ("_meta", "variables")  # whose keys are names


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Loose = Annotated[Text, BeforeValidator(_as_text)]


class Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Input(Part):
    """Something that whoever installs may or must give. One with a `value` is fixed, but for the
    `{variables}` in it."""

    description: Text = ""
    is_required: bool = False
    is_secret: bool = False
    format: str = "string"  # or number, boolean, filepath
    value: Loose | None = None
    default: Loose | None = None
    placeholder: Loose = ""
    choices: list[Loose] = []
    variables: dict[str, "Input"] = {}


class Argument(Input):
    type: Literal["positional", "named"]
    name: Text = ""
    value_hint: Text = ""
    is_repeated: bool = False


class Variable(Input):
    name: Text


class Transport(Part):
    type: Text
    url: Text = ""
    variables: dict[str, Input] = {}


class Package(Part):
    registry_type: Text
    registry_base_url: Text = ""
    identifier: Text
    version: Text = ""
    file_sha256: Text = ""
    runtime_hint: Text = ""
    runtime_arguments: list[Argument] = []
    package_arguments: list[Argument] = []
    environment_variables: list[Variable] = []
    transport: Transport = Transport(type="stdio")


class Remote(Part):
    type: Text
    url: Text = ""


class ServerJson(Part):
    """One version of a server."""

    name: Text = Field(min_length=3, max_length=200, pattern=r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$")
    version: Text = Field(min_length=1, max_length=255)
    title: Text = Field(default="", max_length=200)
    description: Text = Field(default="", max_length=2000)
    packages: list[Package] = Field(default=[], max_length=50)
    remotes: list[Remote] = Field(default=[], max_length=50)
    meta: dict[str, Any] = Field(default={}, alias="_meta")

    @property
    def hints(self) -> dict[str, Any]:
        hints = self.meta.get(META)
        return hints if isinstance(hints, dict) else {}


def parse(raw: Any) -> tuple[ServerJson, dict[str, Any]]:
    """What we use of it, and all of it in camelCase, to be stored. Raises Trouble."""
    if not isinstance(raw, dict):
        raise Trouble("bad_server_json", "it is not a JSON object")
    if isinstance(raw.get("server"), dict) and "name" not in raw:
        raw = raw["server"]  # as registries wrap it
    whole = _renamed(raw)
    if len(json.dumps(whole)) > MOST_BYTES:
        raise Trouble("bad_server_json", f"it is longer than {MOST_BYTES // 1024} KiB")
    if "\\u0000" in json.dumps(whole):
        raise Trouble("bad_server_json", "it holds characters that no text has")
    try:
        return ServerJson.model_validate(whole), whole
    except ValidationError as error:
        errors: dict[str, list[str]] = {}
        for item in error.errors(include_input=False, include_url=False):
            errors.setdefault(".".join(map(str, item["loc"])), []).append(item["msg"])
        words = "; ".join(f"{name}: {', '.join(told)}" for name, told in errors.items())
        raise Trouble("bad_server_json", words[:500], errors=errors) from None


def digest(whole: dict[str, Any]) -> str:
    return sha256(canonical(whole)).hexdigest()


def canonical(value: Any) -> bytes:
    """The same bytes for the same JSON, however it was written."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _renamed(value: Any, *, are_names: bool = False) -> Any:
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        (key if are_names else _RENAMED.get(key, key)): item
        if key == "_meta"
        else _renamed(item, are_names=key in _KEPT and not are_names)
        for key, item in value.items()
    }
