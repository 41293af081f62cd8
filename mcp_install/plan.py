"""From a `server.json`, what was given and what the host has, to the exact steps: without any I/O.

What a person confirms is the plan's hash; what runs is the plan. Secrets are not in it, but named.
"""

import dataclasses
import shlex
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from mcp_install.directories import checked_directory
from mcp_install.facts import Facts
from mcp_install.inputs import IN_ARGUMENTS, IN_PARTS, Values, fill
from mcp_install.packages import checked_version, choose, program_of, slug_of, try_tool_of
from mcp_install.server_json import Package, ServerJson, canonical
from mcp_install.troubles import Trouble

HIDDEN = "••••"  # in place of a secret, for people
# How far a run is, in percent, when the first and when the last of a stage's steps begins.
PERCENTS = {"PREPARING": (10, 10), "EXECUTING": (22, 32), "VERIFYING": (80, 99)}
# What makes two builds the same, wherever they are.
_SAME = (
    "server", "version", "package", "program", "arguments", "environment", "secret_environment",
    "transport",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One command, as it is run in the stage."""

    stage: str
    title: str
    command: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.command)


@dataclass(frozen=True)
class Plan:
    """What is going to be done. `folder` is the build's own: `<directory>/<slug>/versions/<build>`.

    The server is then started as `program`, found in the folder's `programs`, with `arguments`:
    each `{"text": …}` or `{"secret": key}`. An empty program is the only one there.
    """

    server: str
    title: str
    version: str
    kind: str  # pypi-uv, pypi-venv or npm
    package: str
    directory: str
    slug: str
    build: str
    folder: str
    programs: str
    program: str
    arguments: tuple[dict[str, str], ...]
    environment: dict[str, str]
    secret_environment: tuple[str, ...]
    transport: dict[str, str]
    try_tool: dict[str, Any]
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]

    @property
    def hash(self) -> str:
        return sha256(canonical(self.as_json())).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def makes_the_same_as(self, other: "Plan") -> bool:
        """But for the values of secrets."""
        return all(getattr(self, name) == getattr(other, name) for name in _SAME)

    def only_checked(self) -> "Plan":
        """The plan of a check, where this one was carried out."""
        starts = [step for step in self.steps if step.stage == "VERIFYING"]
        return dataclasses.replace(self, steps=tuple(starts[:1]))

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> "Plan":
        steps = [step | {"command": tuple(step["command"])} for step in kept["steps"]]
        several = ("arguments", "secret_environment", "warnings")
        return cls(
            **kept
            | {name: tuple(kept[name]) for name in several}
            | {"steps": tuple(Step(**step) for step in steps)}
        )


@dataclass(frozen=True)
class Inputs:
    """What a person chose. `build_id` names a new folder, so that old builds stay beside it."""

    directory: str
    build_id: str
    version: str = ""
    arguments: Values = dataclasses.field(default_factory=dict)
    environment: Values = dataclasses.field(default_factory=dict)


def build(server: ServerJson, inputs: Inputs, facts: Facts) -> tuple[Plan, dict[str, SecretStr]]:
    """The plan, and the secrets that it names. Raises Trouble."""
    package, transport = choose(server)
    version = checked_version(package, inputs.version or package.version)
    filled = fill(package, inputs.arguments, inputs.environment)
    directory = checked_directory(inputs.directory, facts.home)
    slug = slug_of(server.name)
    name = f"{version}-{inputs.build_id}"
    folder = f"{directory}/{slug}/versions/{name}"
    kind, programs, steps = _install(package, version, folder, facts)
    program = program_of(server, package)
    starts = (f"{programs}/{program or '…'}", *(a.get("text", HIDDEN) for a in filled.arguments))
    plan = Plan(
        server=server.name,
        title=server.title or slug,
        version=version,
        kind=kind,
        package=package.identifier,
        directory=directory,
        slug=slug,
        build=name,
        folder=folder,
        programs=programs,
        program=program,
        arguments=tuple(filled.arguments),
        environment=filled.environment,
        secret_environment=tuple(
            name for name in filled.secrets if not name.startswith((IN_ARGUMENTS, IN_PARTS))
        ),
        transport=transport,
        try_tool=try_tool_of(server),
        steps=(
            Step("PREPARING", "Make a folder for this version", ("mkdir", "-p", "--", folder)),
            *steps,
            Step("VERIFYING", "Start it and list its tools", starts),
            Step(
                "VERIFYING",
                "Make it the one in use",
                ("ln", "-sfn", "--", f"versions/{name}", f"{directory}/{slug}/current"),
            ),
        ),
        warnings=tuple(_warnings(filled.arguments, facts)),
    )
    return plan, filled.secrets


def _warnings(arguments: list[dict[str, str]], facts: Facts) -> list[str]:
    said = []
    if any("secret" in argument for argument in arguments):
        said.append(
            "The server takes a secret on its command line, where other users of the host can see "
            "it while it runs."
        )
    if facts.is_root:
        said.append("The server will run as root. An account of its own would be safer.")
    return said


# --- How ----------------------------------------------------------------------------------------
def _install(
    package: Package, version: str, folder: str, facts: Facts
) -> tuple[str, str, list[Step]]:
    """The kind, where programs will be, and the commands. Raises Trouble."""
    if package.registry_type == "npm":
        return _with_npm(package, version, folder, facts)
    wanted = f"{package.identifier}=={version}"
    programs = f"{folder}/venv/bin"
    python = f"{programs}/python"
    make, install = "Make an environment", "Install the package"
    if facts.uv:
        on = ("--python", facts.python.path) if facts.python else ()
        pip = (facts.uv.path, "pip", "install", "--python", python, "--compile-bytecode", "--")
        steps = [
            Step("EXECUTING", make, (facts.uv.path, "venv", *on, "--", f"{folder}/venv")),
            Step("EXECUTING", install, (*pip, wanted)),
        ]
        return "pypi-uv", programs, steps
    if not facts.python:
        raise Trouble("runtime_missing", "Python 3.10 or newer, or uv")
    if not facts.has_venv:
        raise Trouble("venv_missing", facts.python.path)
    options = ("--no-input", "--disable-pip-version-check", "--")
    steps = [
        Step("EXECUTING", make, (facts.python.path, "-m", "venv", "--", f"{folder}/venv")),
        Step("EXECUTING", install, (python, "-m", "pip", "install", *options, wanted)),
    ]
    return "pypi-venv", programs, steps


def _with_npm(
    package: Package, version: str, folder: str, facts: Facts
) -> tuple[str, str, list[Step]]:
    if not (facts.npm and facts.node):
        raise Trouble("runtime_missing", "npm (it comes with Node.js)")
    options = ("--ignore-scripts", "--save-exact", "--no-audit", "--no-fund", "--prefix", folder)
    wanted = f"{package.identifier}@{version}"
    command = (facts.npm.path, "install", *options, "--", wanted)
    return (
        "npm",
        f"{folder}/node_modules/.bin",
        [Step("EXECUTING", "Install the package", command)],
    )
