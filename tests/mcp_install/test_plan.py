"""From a server.json and what was given to the exact steps: everything bad is refused before."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from mcp_install import catalogue, plan
from mcp_install.facts import Facts, Program
from mcp_install.inputs import wanted
from mcp_install.plan import Inputs, Plan
from mcp_install.server_json import parse
from mcp_install.troubles import Trouble

HOST = Facts(
    system="Linux", arch="x86_64", name="Debian GNU/Linux 12", user="me", home="/home/me",
    shell="/bin/bash", free_mb=9000, has_venv=True, python=Program("3.11.2", "/usr/bin/python3"),
    uv=Program("0.9.1", "/home/me/.local/bin/uv"), node=Program("20.1.0", "/usr/bin/node"),
    npm=Program("10.1.0", "/usr/bin/npm"),
)  # fmt: skip


def file(
    package: dict[str, Any] | None = None, /, packages: list[Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A server.json of one PyPI package, or of what is given."""
    usual = {"registryType": "pypi", "identifier": "mcp-server-x", "version": "1.2.3"}
    chosen = [usual | (package or {})] if packages is None else packages
    return {"name": "io.github.me/server-x", "version": "1.2.3", "packages": chosen} | more


def made(
    raw: dict[str, Any], facts: Facts = HOST, directory: str = "~/mcp", **inputs: Any
) -> tuple[Plan, dict[str, SecretStr]]:
    server, _ = parse(raw)
    return plan.build(server, Inputs(directory, "ab12cd34", **inputs), facts)


def shipped(name: str) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((catalogue.SHIPPED / f"{name}.json").read_text())
    return whole


def without(*names: str) -> Facts:
    return Facts(**{name: getattr(HOST, name) for name in vars(HOST) if name not in names})


def commands(made_plan: Plan) -> list[str]:
    return [str(step) for step in made_plan.steps if step.stage == "EXECUTING"]


def arg(**more: Any) -> dict[str, Any]:
    return {"packageArguments": [{"type": "named", "name": "--x"} | more]}


def env(name: str = "TOKEN_OF_X", **more: Any) -> dict[str, Any]:
    return {"environmentVariables": [{"name": name} | more]}


# --- Steps --------------------------------------------------------------------------------------
FOLDER = "/home/me/mcp/server-time/versions/2026.10.19-ab12cd34"


def test_a_python_package_is_installed_with_uv() -> None:
    made_plan, secrets = made(shipped("time"), arguments={"--local-timezone": "Europe/Paris"})
    assert (made_plan.kind, made_plan.folder, secrets) == ("pypi-uv", FOLDER, {})
    assert [f"{step.stage}: {step}" for step in made_plan.steps] == [
        f"PREPARING: mkdir -p -- {FOLDER}",
        f"EXECUTING: /home/me/.local/bin/uv venv --python /usr/bin/python3 -- {FOLDER}/venv",
        f"EXECUTING: /home/me/.local/bin/uv pip install --python {FOLDER}/venv/bin/python "
        "--compile-bytecode -- mcp-server-time==2026.10.19",
        f"VERIFYING: {FOLDER}/venv/bin/mcp-server-time --local-timezone Europe/Paris",
        "VERIFYING: ln -sfn -- versions/2026.10.19-ab12cd34 /home/me/mcp/server-time/current",
    ]


def test_or_with_venv_and_pip_where_there_is_no_uv() -> None:
    made_plan, _ = made(shipped("time"), without("uv"))
    assert made_plan.kind == "pypi-venv"
    assert commands(made_plan) == [
        f"/usr/bin/python3 -m venv -- {FOLDER}/venv",
        f"{FOLDER}/venv/bin/python -m pip install --no-input --disable-pip-version-check -- "
        "mcp-server-time==2026.10.19",
    ]


def test_an_npm_package_runs_no_scripts_of_its_own() -> None:
    made_plan, _ = made(shipped("everything"))
    folder = "/home/me/mcp/server-everything/versions/2026.8.31-ab12cd34"
    assert commands(made_plan) == [
        "/usr/bin/npm install --ignore-scripts --save-exact --no-audit --no-fund "
        f"--prefix {folder} -- @modelcontextprotocol/server-everything@2026.8.31"
    ]
    assert made_plan.programs == f"{folder}/node_modules/.bin"


@pytest.mark.parametrize("name", ["time", "fetch", "git", "everything", "memory"])
def test_what_comes_along_needs_nothing_to_be_filled_in(name: str) -> None:
    made_plan, _ = made(shipped(name))
    assert made_plan.version == shipped(name)["version"]
    assert made_plan.program == f"mcp-server-{name}"


def test_folders_with_odd_names_are_quoted_where_they_are_shown() -> None:
    made_plan, _ = made(shipped("time"), directory="/home/me/it's my; $(stuff)/")
    assert made_plan.directory == "/home/me/it's my; $(stuff)"
    assert commands(made_plan)[0].endswith(
        "-- '/home/me/it'\"'\"'s my; $(stuff)/server-time/versions/2026.10.19-ab12cd34/venv'"
    )


def test_stdio_comes_before_http_and_pypi_before_npm() -> None:
    npm = {"registryType": "npm", "identifier": "x", "version": "1.2.3"}
    pypi = {"registryType": "pypi", "identifier": "x", "version": "1.2.3"}
    http = {"transport": {"type": "streamable-http", "url": "http://127.0.0.1:3001/mcp"}}
    oci = {"registryType": "oci", "identifier": "docker.io/x/y:1"}
    assert made(file(packages=[oci, npm, pypi]))[0].kind == "pypi-uv"
    assert made(file(packages=[pypi | http, npm]))[0].kind == "npm"
    made_plan, _ = made(file(packages=[pypi | http]))
    assert made_plan.transport == {"type": "streamable-http", "url": "http://127.0.0.1:3001/mcp"}


def test_another_exact_version_can_be_asked_for() -> None:
    assert commands(made(shipped("time"), version="2025.9.25")[0])[1].endswith("==2025.9.25")


# --- What is given ------------------------------------------------------------------------------
def test_arguments_are_put_as_two_words_and_switches_as_one() -> None:
    raw = file(
        {
            "packageArguments": [
                {"type": "named", "name": "--verbose", "format": "boolean"},
                {"type": "named", "name": "--quiet", "format": "boolean"},
                {"type": "named", "name": "--level", "format": "number", "default": 3},
                {"type": "named", "name": "--mode", "value": "fast {how}", "variables": {
                    "how": {"default": "enough"}}},
                {"type": "named", "name": "--left-out"},
                {"type": "positional", "value": "serve {this stays}"},
                {"type": "positional", "valueHint": "folder", "isRepeated": True},
            ]
        }
    )  # fmt: skip
    made_plan, _ = made(
        raw, arguments={"--verbose": True, "--quiet": "false", "folder": ["/a b", "/c"]}
    )
    assert [a["text"] for a in made_plan.arguments] == [
        "--verbose", "--level", "3", "--mode", "fast enough", "serve {this stays}", "/a b", "/c",
    ]  # fmt: skip


def test_secrets_are_named_in_the_plan_and_nowhere_shown() -> None:
    raw = file(
        env(isSecret=True, isRequired=True)
        | arg(value="Bearer {token}", variables={"token": {"isSecret": True, "isRequired": True}})
    )
    made_plan, secrets = made(
        raw,
        arguments={"--x.token": "open sesame"},
        environment={"TOKEN_OF_X": "swordfish", "OTHER_API_KEY": "12345678", "MODE": "fast"},
    )
    assert {name: secret.get_secret_value() for name, secret in secrets.items()} == {
        "argument:--x": "Bearer open sesame", "part:--x.token": "open sesame",
        "TOKEN_OF_X": "swordfish",
        "OTHER_API_KEY": "12345678",
    }  # fmt: skip
    assert made_plan.arguments == ({"text": "--x"}, {"secret": "argument:--x"})
    assert set(made_plan.secret_environment) == {"TOKEN_OF_X", "OTHER_API_KEY"}
    assert made_plan.environment == {"MODE": "fast"}
    told = json.dumps(made_plan.as_json(), ensure_ascii=False)
    for word in ("sesame", "swordfish", "12345678"):
        assert word not in told
    assert "Bearer" not in told
    assert "other users of the host" in made_plan.warnings[0]
    assert str(made_plan.steps[-2]).endswith("--x '••••'")


def test_what_is_to_be_asked_is_known_beforehand() -> None:
    raw = file(
        env(isSecret=True, isRequired=True, description="From your account")
        | arg(value="{token} {no variable}", variables={"token": {"isSecret": True}})
    )
    asked = wanted(parse(raw)[0].packages[0])
    assert [(one.place, one.key, one.input.is_secret, one.input.is_required) for one in asked] == [
        ("argument", "--x.token", True, False), ("environment", "TOKEN_OF_X", True, True),
    ]  # fmt: skip


def test_a_server_of_root_is_warned_of() -> None:
    root = Facts(**(vars(HOST) | {"is_root": True}))
    assert "as root" in made(shipped("time"), root)[0].warnings[0]


# --- The hash -----------------------------------------------------------------------------------
def test_a_plan_is_confirmed_by_its_hash() -> None:
    raw = file(env(isSecret=True) | arg())
    one, _ = made(raw, environment={"TOKEN_OF_X": "swordfish"})
    same, _ = made(raw, environment={"TOKEN_OF_X": "another one"})
    assert Plan.of_json(json.loads(json.dumps(one.as_json()))) == one
    assert one.hash == same.hash == Plan.of_json(one.as_json()).hash
    others = [
        made(raw, environment={"TOKEN_OF_X": "swordfish"}, arguments={"--x": "1"}),
        made(raw, environment={"TOKEN_OF_X": "swordfish", "MORE": "1"}),
        made(raw),
        made(raw, environment={"TOKEN_OF_X": "swordfish"}, directory="~/elsewhere"),
        made(raw, environment={"TOKEN_OF_X": "swordfish"}, facts=without("uv")),
        made(raw, environment={"TOKEN_OF_X": "swordfish"}, version="1.2.4"),
    ]
    hashes = {other.hash for other, _ in others}
    assert len(hashes | {one.hash}) == len(others) + 1


# --- Everything that is refused -----------------------------------------------------------------
SECRET = {"isSecret": True}
BAD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("bad_identifier", file({"identifier": "../evil"}), {}),
    ("bad_identifier", file({"identifier": "-r requirements.txt"}), {}),
    ("bad_identifier", file({"identifier": "x; touch /tmp/no"}), {}),
    ("bad_identifier", file({"identifier": "x[extra]"}), {}),
    ("bad_identifier", file({"identifier": "git+https://example.org/x"}), {}),
    ("bad_identifier", file({"registryType": "npm", "identifier": "file:../x"}), {}),
    ("bad_identifier", file({"registryType": "npm", "identifier": "@a/b/c"}), {}),
    ("bad_identifier", file({"registryType": "npm", "identifier": "UPPER"}), {}),
    ("bad_identifier", file({"identifier": "naïve"}), {}),
    ("bad_version", file({"version": "latest"}), {}),
    ("bad_version", file({"version": ""}), {}),
    ("bad_version", file({"version": ">=1.0"}), {}),
    ("bad_version", file({"version": "1.*"}), {}),
    ("bad_version", file({"version": "1.0 --pre"}), {}),
    ("bad_version", file({"registryType": "npm", "version": "^1.0.0"}), {}),
    ("bad_version", file({"registryType": "npm", "version": "1.x"}), {}),
    ("bad_version", file(), {"version": "1.0\n"}),
    ("foreign_registry", file({"registryBaseUrl": "https://evil.example"}), {}),
    ("foreign_registry", file({"registryBaseUrl": "http://pypi.org"}), {}),
    ("foreign_registry", file({"registryBaseUrl": "https://pypi.org.evil.example"}), {}),
    ("foreign_registry", file({"registryBaseUrl": "https://pypi.org@evil.example"}), {}),
    ("foreign_registry", file({"registryType": "npm", "registryBaseUrl": "https://pypi.org"}), {}),
    ("unsupported_package", file(packages=[]), {}),
    ("unsupported_package", file(packages=[{"registryType": "oci", "identifier": "x:1"}]), {}),
    ("unsupported_package", file(packages=[{"registryType": "mcpb", "identifier": "x"}]), {}),
    ("unsupported_package", file({"fileSha256": "0" * 64}), {}),
    ("unsupported_package", file(packages=[], remotes=[{"type": "sse", "url": "https://x"}]), {}),
    ("unsupported_runtime_arguments",
     file({"runtimeArguments": [{"type": "named", "name": "--from", "value": "git+https://x"}]}),
     {}),
    ("unsupported_transport", file({"transport": {"type": "sse", "url": "http://127.0.0.1:1"}}),
     {}),
    ("unsupported_transport",
     file({"transport": {"type": "streamable-http", "url": "http://10.0.0.1:80/mcp"}}), {}),
    ("unsupported_transport",
     file({"transport": {"type": "streamable-http", "url": "http://127.0.0.1:{port}/mcp"}}), {}),
    ("bad_env", file(env("LD_PRELOAD")), {}),
    ("bad_env", file(env("A-B")), {}),
    ("bad_env", file(), {"environment": {"LD_PRELOAD": "/tmp/x.so"}}),
    ("bad_env", file(), {"environment": {"PATH": "/tmp"}}),
    ("bad_env", file(), {"environment": {"PYTHONPATH": "/tmp"}}),
    ("bad_env", file(), {"environment": {"NODE_OPTIONS": "--require /tmp/x"}}),
    ("bad_env", file(), {"environment": {"BASH_ENV": "/tmp/x"}}),
    ("bad_env", file(), {"environment": {"npm_config_registry": "http://x"}}),
    ("bad_env", file(), {"environment": {"UV_INDEX_URL": "http://x"}}),
    ("bad_env", file(), {"environment": {"A=B": "x"}}),
    ("bad_env", file(), {"environment": {"A": "x\x1b[2J"}}),
    ("bad_value", file(), {"environment": {"A": "x\0y"}}),
    ("bad_value", file(), {"environment": {"A": "\ud800"}}),
    ("bad_value", file(), {"environment": {"A": "x" * 40_000}}),
    ("bad_value", file(), {"environment": {"A": ["x"]}}),
    ("missing_input", file(env(isRequired=True)), {}),
    ("missing_input", file(env(isRequired=True)), {"environment": {"TOKEN_OF_X": ""}}),
    ("missing_input", file(arg(isRequired=True)), {}),
    ("missing_input", file(arg(isRequired=True, isRepeated=True)), {"arguments": {"--x": []}}),
    ("missing_input",
     file(env(value="Bearer {token}", variables={"token": {"isRequired": True}})), {}),
    ("bad_value", file(arg(choices=["a", "b"])), {"arguments": {"--x": "c"}}),
    ("bad_value", file(arg(format="number")), {"arguments": {"--x": "many"}}),
    ("bad_value", file(arg(format="boolean")), {"arguments": {"--x": "perhaps"}}),
    ("bad_value", file(arg(format="filepath")), {"arguments": {"--x": "here"}}),
    ("bad_value", file(arg()), {"arguments": {"--x": ["a", "b"]}}),
    ("bad_value", file(arg(isRepeated=True)), {"arguments": {"--x": ["a"] * 101}}),
    ("bad_argument", file(arg()), {"arguments": {"--x": "a\nb"}}),
    ("bad_argument", file(arg(name="x")), {"arguments": {"x": "a"}}),
    ("bad_argument", file({"packageArguments": [{"type": "named"}]}), {}),
    ("unknown_input", file(arg()), {"arguments": {"--y": "a"}}),
    ("unknown_input", file(arg(value="fixed")), {"arguments": {"--x": "a"}}),
    ("secret_too_short", file(env(**SECRET)), {"environment": {"TOKEN_OF_X": "12345"}}),
    ("path_not_absolute", file(), {"directory": "mcp"}),
    ("path_not_absolute", file(), {"directory": ""}),
    ("path_not_absolute", file(), {"directory": "~other/mcp"}),
    ("bad_path", file(), {"directory": "/home/me/../you"}),
    ("bad_path", file(), {"directory": "/home/me/a\nb"}),
    ("bad_path", file(), {"directory": "/home/me/a\0b"}),
    ("bad_path", file(), {"directory": "/home/me/\udce9"}),
    ("bad_path", file(), {"directory": "/home/me/" + "x" * 600}),
    ("bad_path", file(), {"directory": "/home/me/" + "ü" * 128}),
    ("system_path", file(), {"directory": "/"}),
    ("system_path", file(), {"directory": "//etc//mcp/"}),
    ("system_path", file(), {"directory": "/usr/share"}),
    ("system_path", file(), {"directory": "/proc/self"}),
    ("system_path", file(), {"directory": "/home"}),
    ("runtime_missing", file({"registryType": "npm"}), {"facts": without("npm")}),
    ("runtime_missing", file(), {"facts": without("uv", "python")}),
    ("venv_missing", file(), {"facts": without("uv", "has_venv")}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "raw", "chosen"), BAD)
def test_what_is_bad_is_refused_in_words(
    code: str, raw: dict[str, Any], chosen: dict[str, Any]
) -> None:
    with pytest.raises(Trouble) as raised:
        made(raw, **chosen)
    trouble = raised.value
    assert trouble.code == code, str(trouble)
    assert 20 < len(str(trouble)) < 600


def test_all_that_is_missing_is_told_at_once() -> None:
    raw = file(env(isRequired=True) | arg(isRequired=True))
    with pytest.raises(Trouble, match="--x, TOKEN_OF_X") as raised:
        made(raw)
    assert set(raised.value.facts["errors"]) == {"--x", "TOKEN_OF_X"}


def test_a_name_that_no_file_system_takes_is_refused_with_what_to_do() -> None:
    made(file(), directory="~/" + "x" * 255)
    with pytest.raises(Trouble, match=r"“xx.*255 bytes: give that folder a shorter name"):
        made(file(), directory="~/" + "x" * 256 + "/mcp")


@pytest.mark.parametrize("directory", ["/usr/local/mcp", "/opt", "/srv/mcp", "/home/me", "~"])
def test_folders_that_may_be_a_person_s_are_taken(directory: str) -> None:
    made(file(), directory=directory)
