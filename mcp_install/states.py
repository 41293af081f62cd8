"""The catalogue and plans as JSON."""

import uuid
from datetime import datetime
from typing import Any

from mcp_install.inputs import Wanted
from mcp_install.plan import HIDDEN, Plan
from realtime.problems import CamelSchema
from realtime.text import Text

Value = Text | bool | int | float | list[Text]


# --- Catalogue ----------------------------------------------------------------------------------
class InputState(CamelSchema):
    """One thing that the server can be given, in `environment` or `arguments`, under `key`."""

    place: str
    key: str
    description: str
    is_required: bool
    is_secret: bool
    is_repeated: bool
    format: str
    default: str | None
    placeholder: str
    choices: list[str]


class EntryState(CamelSchema):
    """`reason` says why it cannot be installed, where it cannot."""

    entry_id: uuid.UUID
    name: str
    title: str
    description: str
    version: str
    source: str
    status: str
    is_installable: bool
    reason: str
    published_at: datetime | None


class EntryDetail(EntryState):
    server_json: dict[str, Any]
    versions: list[str]
    inputs: list[InputState]


class CataloguePage(CamelSchema):
    servers: list[EntryState]
    next: str | None


class Pasted(CamelSchema):
    """A server.json, as an object or as its text."""

    server_json: dict[str, Any] | str


def input_state(one: Wanted) -> dict[str, Any]:
    fields = ("description", "is_required", "is_secret", "format", "default", "placeholder")
    told = {name: getattr(one.input, name) for name in (*fields, "choices")}
    return {"place": one.place, "key": one.key, "is_repeated": one.is_repeated} | told


# --- Plans --------------------------------------------------------------------------------------
class Wish(CamelSchema):
    """What to install where. `server` is an entry's id, a name, or the end of one; `planHash` says
    which plan I have seen."""

    host_id: uuid.UUID
    server: Text
    version: Text = ""
    directory: Text
    environment: dict[Text, Value] = {}
    arguments: dict[Text, Value] = {}
    dry_run: bool = False
    plan_hash: str = ""


class Begun(CamelSchema):
    install_id: uuid.UUID


class StepState(CamelSchema):
    stage: str
    title: str
    command: str


class PlanState(CamelSchema):
    """What is going to be done, as commands. A secret is shown as ••••. `action`: install, upgrade,
    or verify: the same is there already, and is only started to see whether it answers."""

    plan_hash: str
    action: str
    server: str
    title: str
    version: str
    kind: str
    package: str
    directory: str
    folder: str
    environment: dict[str, str]
    arguments: list[str]
    transport: dict[str, str]
    steps: list[StepState]
    warnings: list[str]


def plan_state(plan: Plan, action: str) -> dict[str, Any]:
    fields = ("server", "title", "version", "kind", "package", "directory", "folder", "transport")
    return {name: getattr(plan, name) for name in fields} | {
        "plan_hash": plan.hash,
        "action": action,
        "environment": plan.environment | dict.fromkeys(plan.secret_environment, HIDDEN),
        "arguments": [argument.get("text", HIDDEN) for argument in plan.arguments],
        "steps": [
            {"stage": step.stage, "title": step.title, "command": str(step)} for step in plan.steps
        ],
        "warnings": list(plan.warnings),
    }
