"""Do arguments fit a tool's JSON schema? The schema is a stranger's: nothing of it is fetched, none
of its patterns is matched, and it is followed only so far."""

import threading
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry

from mcp_install.troubles import Trouble

MOST_STEPS = 5_000
MOST_TOLD = 10


class _TooFar(Exception):
    pass


def check_arguments(tool: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Raises Trouble, with what is wrong by argument. A schema that is none lets all pass: the
    server itself is to judge then."""
    errors: dict[str, list[str]] = {}
    try:
        for error in _errors(tool.get("inputSchema") or {}, arguments):
            errors.setdefault(_place(error), []).append(_words(error))
            if len(errors) >= MOST_TOLD:
                break
    except Exception:  # what a validator stumbles over in a schema that is none is not foreseeable
        return
    if errors:
        words = "; ".join(f"{place}: {told[0]}" for place, told in errors.items())
        raise Trouble("bad_arguments", words[:500], field="arguments", errors=errors)


class _Steps(threading.local):
    left = MOST_STEPS


_steps = _Steps()


def _errors(schema: dict[str, Any], arguments: dict[str, Any]) -> Iterator[ValidationError]:
    _steps.left = MOST_STEPS
    return iter(_Validator(schema, registry=_NOTHING).iter_errors(arguments))


def _counted(name: str, rule: Any) -> Any:
    is_of_the_rest = name in ("additionalProperties", "unevaluatedProperties")

    def follow(validator: Any, value: Any, instance: Any, whole: Any) -> Iterator[Any]:
        _steps.left -= 1
        if _steps.left < 0:
            raise _TooFar
        if not (is_of_the_rest and "patternProperties" in whole):
            yield from rule(validator, value, instance, whole) or ()

    return follow


_NOTHING: Any = Registry()  # of what a schema may refer to
_Validator = validators.create(
    Draft202012Validator.META_SCHEMA,
    {
        name: _counted(name, rule)
        for name, rule in Draft202012Validator.VALIDATORS.items()
        if name not in ("pattern", "patternProperties")
    },
)


def _place(error: ValidationError) -> str:
    """The argument, as `a`, `a.b` or `a.0`."""
    return ".".join(map(str, error.absolute_path)) or "arguments"


def _words(error: ValidationError) -> str:
    match error.validator:
        case "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"{', '.join(map(str, missing))}: needed."
        case "type":
            return f"It has to be of type {_listed(error.validator_value)}."
        case "enum":
            return f"It has to be one of {_listed(error.validator_value)}."
        case "additionalProperties":
            known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
            return f"Only {_listed(list(known)) or 'nothing'} can be given."
    return f"{error.message[:200].rstrip('.')}."


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
