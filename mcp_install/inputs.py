"""What a server wants to be given, and what becomes of what was given: its command line and its
environment, each text either plain or secret."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from mcp_install.server_json import Argument, Input, Package, Variable
from mcp_install.troubles import Trouble

Values = Mapping[str, str | bool | int | float | Sequence[str]]
# How secrets are named that are no variables: an argument, and a part of a longer secret, which is
# kept only so that it is found wherever it turns up.
IN_ARGUMENTS, IN_PARTS = "argument:", "part:"
LEAST_SECRET = 6  # characters: shorter ones cannot be kept out of a log
MOST_VALUE = 32 * 1024
MOST_REPEATED = 100
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_CURLY = re.compile(r"\{([A-Za-z0-9_-]+)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# What would change which programs run, rather than what the server does.
_DENIED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|IFS|ENV|BASH_.*|PS[0-9]|PROMPT_COMMAND|LD_.*|DYLD_.*|PYTHON.*"
    r"|VIRTUAL_ENV|NODE_.*|NPM_.*|PERL.*|RUBY.*|JAVA_.*|GIT_.*|SSH_.*|PIP_.*|UV_.*|MCP_INSTALL_.*"
    r"|GCONV_PATH|LOCPATH|MALLOC_.*",
    re.IGNORECASE,
)
_SOUNDS_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|SESSION", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """One thing to ask a person for. `place` is environment or argument, `key` its name there."""

    place: str
    key: str
    input: Input

    @property
    def is_repeated(self) -> bool:
        return isinstance(self.input, Argument) and self.input.is_repeated


@dataclass
class Filled:
    """`arguments` are `{"text": …}` or `{"secret": name}`; `secrets` has what these names and the
    secret variables of the environment stand for."""

    arguments: list[dict[str, str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, SecretStr] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def key_of(argument: Argument, place: int) -> str:
    """How an argument is called: by its name, or what it stands for."""
    return argument.name or argument.value_hint or f"argument{place + 1}"


def wanted(package: Package) -> list[Wanted]:
    """All that can be given, in the order of the file; what is fixed is left out."""
    return [one for place, key, own in _declared(package) for one in _open(place, key, own)]


def _declared(package: Package) -> Iterator[tuple[str, str, Input]]:
    for place, argument in enumerate(package.package_arguments):
        yield "argument", key_of(argument, place), argument
    for variable in package.environment_variables:
        yield "environment", variable.name, variable


def _open(place: str, key: str, own: Input) -> Iterator[Wanted]:
    """A value that is fixed has its variables to be given."""
    if own.value is None:
        yield Wanted(place, key, own)
        return
    for name in dict.fromkeys(_CURLY.findall(own.value)):
        if name in own.variables:
            yield from _open(place, f"{key}.{name}", own.variables[name])


def fill(package: Package, arguments: Values, environment: Values) -> Filled:
    """Raises Trouble for the first thing that does not fit; what is missing is gathered first."""
    known = {(one.place, one.key) for one in wanted(package)}
    for key in arguments:
        if ("argument", key) not in known:
            raise Trouble("unknown_input", key, field="arguments")
    filled = Filled()
    for place, argument in enumerate(package.package_arguments):
        _put_argument(filled, argument, key_of(argument, place), arguments)
    for variable in package.environment_variables:
        check_name(variable.name)
        _put_variable(filled, variable, environment)
    for name in environment:
        if ("environment", name) not in known:
            _put_extra(filled, name, environment[name])
    if filled.missing:
        names = ", ".join(filled.missing)
        errors = {name: ["This is needed."] for name in filled.missing}
        raise Trouble("missing_input", names, field=filled.missing[0], errors=errors)
    return filled


def check_name(name: str) -> None:
    """Raises Trouble for what is no variable's name, or that of one that must not be set."""
    if not _NAME.fullmatch(name):
        words = f"“{name[:60]}” is not a name: letters, digits and _"
        raise Trouble("bad_env", words, field="environment")
    if _DENIED.fullmatch(name):
        raise Trouble("bad_env", f"{name} decides which programs run", field="environment")


# --- Arguments ----------------------------------------------------------------------------------
def _put_argument(filled: Filled, argument: Argument, key: str, given: Values) -> None:
    if argument.name and not argument.name.startswith("-"):
        raise Trouble("bad_argument", f"{argument.name} does not begin with a dash")
    if argument.type == "named" and not argument.name:
        raise Trouble("bad_argument", "a named one has no name")
    if argument.value is None and argument.type == "named" and argument.format == "boolean":
        if _text(argument, key, given, filled) == "true":  # a switch: there, or not
            filled.arguments.append({"text": _line(argument.name, key)})
        return
    for place, (text, is_secret) in enumerate(_texts(argument, key, given, filled)):
        if argument.type == "named":
            filled.arguments.append({"text": _line(argument.name, key)})
        if is_secret:
            name = f"{IN_ARGUMENTS}{key}" + (f":{place}" if argument.is_repeated else "")
            filled.secrets[name] = SecretStr(_line(text, key))
            filled.arguments.append({"secret": name})
        else:
            filled.arguments.append({"text": _line(text, key)})


def _texts(
    argument: Argument, key: str, given: Values, filled: Filled
) -> Iterator[tuple[str, bool]]:
    values = given.get(key)
    if not argument.is_repeated or isinstance(values, str) or argument.value is not None:
        if isinstance(values, list | tuple):
            raise Trouble("bad_value", f"{key}: one value, not several", field=key)
        if (text := _text(argument, key, given, filled)) is not None:
            yield text, _is_secret(argument)
        return
    several = list(values) if isinstance(values, list | tuple) else []
    if not several and argument.default is not None:
        several = [argument.default]
    if not several and argument.is_required:
        filled.missing.append(key)
    if len(several) > MOST_REPEATED:
        raise Trouble("bad_value", f"{key}: at most {MOST_REPEATED}", field=key)
    for value in several:
        yield _checked(argument, key, value), _is_secret(argument)


def _line(text: str, key: str) -> str:
    if _CONTROL.search(text):
        raise Trouble("bad_argument", f"{key}: it holds control characters", field=key)
    return text


# --- Environment --------------------------------------------------------------------------------
def _put_variable(filled: Filled, variable: Variable, given: Values) -> None:
    text = _text(variable, variable.name, given, filled)
    if text is not None:
        _set(filled, variable.name, text, is_secret=_is_secret(variable))


def _put_extra(filled: Filled, name: str, value: Any) -> None:
    """A variable that the file does not tell of; it is secret where it sounds so."""
    check_name(name)
    text = _checked(Input(), name, value)
    _set(filled, name, text, is_secret=bool(_SOUNDS_SECRET.search(name)))


def _set(filled: Filled, name: str, text: str, *, is_secret: bool) -> None:
    if _CONTROL_IN_LINES.search(text):
        raise Trouble("bad_env", f"{name}: it holds control characters", field=name)
    if is_secret:
        filled.secrets[name] = SecretStr(text)
    else:
        filled.environment[name] = text


# --- One value ----------------------------------------------------------------------------------
def _text(own: Input, key: str, given: Values, filled: Filled) -> str | None:
    """The value: fixed, given or usual; None without any."""
    if own.value is not None:
        return _CURLY.sub(lambda found: _variable(own, key, found, given, filled), own.value)
    value = given.get(key)
    if value is None or value == "":
        if own.default is not None:
            return own.default
        if own.is_required:
            filled.missing.append(key)
        return None
    return _checked(own, key, value)


def _variable(own: Input, key: str, found: "re.Match[str]", given: Values, filled: Filled) -> str:
    """What stands for `{name}`; braces that are no variable's stay."""
    variable = own.variables.get(found[1])
    if variable is None:
        return found[0]
    text = _text(variable, f"{key}.{found[1]}", given, filled) or ""
    if text and _is_secret(variable):
        filled.secrets[f"{IN_PARTS}{key}.{found[1]}"] = SecretStr(text)
    return text


def _is_secret(own: Input) -> bool:
    used = _CURLY.findall(own.value or "")
    return own.is_secret or any(
        _is_secret(variable) for name, variable in own.variables.items() if name in used
    )


def _checked(own: Input, key: str, value: Any) -> str:
    """What was given, as text. Raises Trouble."""
    text = str(value).lower() if isinstance(value, bool) else value
    text = str(text) if isinstance(text, int | float) else text
    if not isinstance(text, str):
        raise Trouble("bad_value", f"{key}: a text", field=key)
    if len(text) > MOST_VALUE:
        raise Trouble("bad_value", f"{key}: at most {MOST_VALUE // 1024} KiB", field=key)
    if "\0" in text or text != text.encode("utf-8", "ignore").decode():
        raise Trouble("bad_value", f"{key}: it holds characters that no text has", field=key)
    if own.choices and text not in own.choices:
        raise Trouble("bad_value", f"{key}: one of {', '.join(own.choices)}", field=key)
    if own.format == "number" and not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text):
        raise Trouble("bad_value", f"{key}: a number", field=key)
    if own.format == "boolean" and text not in ("true", "false"):
        raise Trouble("bad_value", f"{key}: true or false", field=key)
    if own.format == "filepath" and not text.startswith(("/", "~")):
        raise Trouble("bad_value", f"{key}: a whole path on the host, from / on", field=key)
    if own.is_secret and len(text) < LEAST_SECRET:
        raise Trouble("secret_too_short", key, field=key)
    return text
