"""The AsyncAPI document of all that goes over a socket, made from the classes of events and frames.

An app's events are found by themselves: those of its module `events`.
"""

import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Annotated, Any, get_args

import msgspec
from django.apps import apps
from django.conf import settings
from django.utils.module_loading import autodiscover_modules
from msgspec import UNSET, Meta, UnsetType

from realtime import sse
from realtime.close_codes import CloseCode
from realtime.events import MAX_EVENT_BYTES, Event
from realtime.frames import Inbound, Outbound

SCHEMAS = "#/components/schemas/"
SOCKET, STREAM = "/ws", sse.PATH

Id = Annotated[str, Meta(description="`<epoch>-<offset>`", pattern=r"^[0-9A-Za-z]+-[0-9]+$")]
Time = Annotated[str, Meta(description="ISO 8601, UTC", extra_json_schema={"format": "date-time"})]


class Logged(msgspec.Struct, kw_only=True):
    """What every logged event carries besides: its place in the stream, the one sent before it,
    and, of a job, the attempt and whether that is over."""

    id: Id
    prev: Id
    ts: Time
    attempt: int | UnsetType = UNSET
    terminal: bool | UnsetType = UNSET


class Ephemeral(msgspec.Struct, kw_only=True):
    """What an event that is not logged carries besides."""

    ts: Time


def events() -> list[type[Event]]:
    """The events of all installed apps, by type."""
    autodiscover_modules("events")
    ours = [e for e in _subclasses(Event) if apps.get_containing_app_config(e.__module__)]
    return sorted(ours, key=tag)


def _subclasses(parent: type[Event]) -> Iterator[type[Event]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)


def tag(message: type[msgspec.Struct]) -> str:
    """The message's `type`."""
    return str(message.__struct_config__.tag)


@cache
def document() -> dict[str, Any]:
    """AsyncAPI 3.0, as what JSON is made of."""
    told, down, up = events(), get_args(Outbound), get_args(Inbound)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Realtime protocol",
            "version": "1",
            "description": inspect.cleandoc(_ABOUT),
        },
        "defaultContentType": "application/json",
        "servers": {"socket": _server("wss"), "stream": _server("https")},
        "channels": {
            "socket": _channel(SOCKET, "socket", [*told, *down, *up])
            | {
                "bindings": {"ws": {"method": "GET"}},
                "x-close-codes": [
                    {"code": int(code), "meaning": code.meaning, "client": code.client}
                    for code in CloseCode
                ],
            },
            "stream": _channel(STREAM, "stream", [*told, *down]),
        },
        "operations": {
            "tell": _operation("send", "socket", told),
            "control": _operation("send", "socket", down),
            "obey": _operation("receive", "socket", up),
            "stream": _operation("send", "stream", [*told, *down]),
        },
        "components": {
            "messages": {tag(message): _message(message) for message in (*told, *down, *up)},
            "schemas": _schemas([*told, *down, *up]),
            "securitySchemes": {
                "session": {
                    "type": "httpApiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME,
                },
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }  # fmt: skip


_ABOUT = f"""
    The events of a signed-in person's stream, and the frames that control it.

    A client sends `resume` first and applies each logged event once, in the order of ids, or is
    told `resync`. Over HTTP nothing goes up: the query's `after` stands for `resume`, and a
    response ends after some events or minutes. An event has at most {MAX_EVENT_BYTES} bytes.
    `x-logged` says which messages are kept and replayed, `x-close-codes` why a socket is closed
    and what a client does then.
"""


def _server(protocol: str) -> dict[str, Any]:
    schemes = ("session", "token")
    return {
        "host": "{host}",
        "protocol": protocol,
        "description": "Without TLS, on one machine, `ws` and `http`.",
        "variables": {"host": {"default": "localhost:8000"}},
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in schemes],
    }


def _channel(address: str, server: str, messages: Iterable[type[msgspec.Struct]]) -> dict[str, Any]:
    references = {tag(m): {"$ref": f"#/components/messages/{tag(m)}"} for m in messages}
    return {
        "address": address,
        "servers": [{"$ref": f"#/servers/{server}"}],
        "messages": references,
    }


def _operation(
    action: str, channel: str, messages: Iterable[type[msgspec.Struct]]
) -> dict[str, Any]:
    path = f"#/channels/{channel}"
    references = [{"$ref": f"{path}/messages/{tag(m)}"} for m in messages]
    return {"action": action, "channel": {"$ref": path}, "messages": references}


def _message(message: type[msgspec.Struct]) -> dict[str, Any]:
    payload: dict[str, Any] = {"$ref": SCHEMAS + message.__name__}
    described = {"name": tag(message), "summary": _words(message).partition("\n\n")[0]}
    if not issubclass(message, Event):
        return described | {"payload": payload}
    carries = Logged if message.is_logged else Ephemeral
    payload = {"allOf": [{"$ref": SCHEMAS + carries.__name__}, payload]}
    return described | {"payload": payload, "x-logged": message.is_logged}


def _schemas(messages: Iterable[type[msgspec.Struct]]) -> dict[str, Any]:
    """A schema for each message and what it contains, by its class. What all events carry stands
    apart."""
    types: list[type[msgspec.Struct]] = [Logged, Ephemeral, *messages]
    _, schemas = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    for schema in schemas.values():
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    for message in types:
        schema = schemas[message.__name__]
        schema["description"] = _words(message)
        if issubclass(message, Event):
            for field in Event.__struct_encode_fields__:
                schema["properties"].pop(field)
    return schemas


def _words(message: type[msgspec.Struct]) -> str:
    """The docstring, with fields as they are named on the wire."""
    words = inspect.cleandoc(message.__doc__ or "")
    names = zip(message.__struct_fields__, message.__struct_encode_fields__, strict=True)
    for field, name in names:
        words = words.replace(f"`{field}`", f"`{name}`")
    return words
