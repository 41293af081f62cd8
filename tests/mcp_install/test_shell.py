"""Command lines that every login shell reads alike."""

import ast
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from mcp_install import shell
from mcp_install.connect import connected
from mcp_install.login import Login
from mcp_install.troubles import Trouble

ROOT = Path(__file__).resolve().parents[2]
SHELLS = {name: [name] for name in ("bash", "dash", "zsh", "fish", "tcsh")} | {
    "busybox": ["busybox", "sh"]
}
NASTY = [
    "plain", "two words", "", " ", "-n", "--", "$HOME", "$(id -u)", "`id -u`", "${PATH}", "a;b",
    "a && b", "a | b", "> /tmp/no", "it's", 'say "hi"', "x\\", " ; touch /tmp/mcp-no ; #", "!!",
    "a!b", "line one\nline two", "tab\there", "*?[a-z]", "~root", "{a,b}", "%s %d", "\r\n", "#no",
    "naïve → 日本語", "\\n\\0", "'\"'\"'", "=x", "a=b", "\x1b[31m", "x" * 5000,
]  # fmt: skip
SHOW = r"""
for argument in "$@"; do printf '%s' "$argument" | base64 | tr -d '\n'; printf '\n'; done
"""
ENVIRONMENT = r"""
printf '%s' "$GREETING" | base64 | tr -d '\n'
"""
SECRETS = (
    shell.READ_SECRETS
    + r"""
printf '%s|' "$TOKEN" "$LINES_OF_IT" "$EMPTY"
cat
"""
)
FOLDERS = (
    shell.USUAL_PLACES
    + r"""
printf '%s\n' "$PATH"
"""
)


def run_in(name: str, line: str, stdin: bytes = b"", **environment: str) -> bytes:
    """As sshd does it: the login shell is given the line with `-c`."""
    program, *more = SHELLS[name]
    path = shutil.which(program)
    assert path, f"{program} is missing: see `make test-tools`"
    usual = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nowhere", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [path, *more, "-c", line], input=stdin, env=usual | environment, capture_output=True,
        timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def base64_of(text: str) -> str:
    return subprocess.run(
        ["base64", "-w0"], input=text.encode(), capture_output=True, check=True
    ).stdout.decode()


@pytest.mark.parametrize("name", SHELLS)
def test_no_shell_reads_anything_into_an_argument(name: str) -> None:
    said = run_in(name, shell.command(SHOW, *NASTY)).decode().split("\n")
    assert said == [*map(base64_of, NASTY), ""]
    assert not Path("/tmp/mcp-no").exists()


def test_arguments_may_be_bytes_of_no_encoding() -> None:
    said = run_in("bash", shell.command(SHOW, b"caf\xe9", "caf\udce9"))
    assert said.split() == [b"Y2Fm6Q==", b"Y2Fm6Q=="]


@pytest.mark.parametrize("name", SHELLS)
def test_variables_are_set_as_they_are(name: str) -> None:
    nasty = "it's $(id) !! \n 日本 \\"
    said = run_in(name, shell.command(ENVIRONMENT, env={"GREETING": nasty})).decode()
    assert said == base64_of(nasty)


@pytest.mark.parametrize("name", SHELLS)
def test_secrets_come_as_lines_and_the_rest_of_the_input_is_left(name: str) -> None:
    secrets = {"TOKEN": "it's $(id)", "LINES_OF_IT": "one\ntwo\n", "EMPTY": ""}
    lines = shell.secret_lines({name: SecretStr(text) for name, text in secrets.items()})
    said = run_in(name, shell.command(SECRETS), lines + b"the rest\n")
    assert said == b"it's $(id)|one\ntwo\n||the rest\n"


def test_a_secret_is_in_no_command_line() -> None:
    lines = shell.secret_lines({"TOKEN": SecretStr("open sesame")})
    assert b"sesame" not in lines  # nor readable over a shoulder
    assert "TOKEN" not in shell.command(SECRETS)


@pytest.mark.parametrize("name", ["1st", "a-b", "a b", "A=B", "", "a\n"])
def test_what_is_no_variable_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        shell.command(SHOW, env={name: "x"})
    with pytest.raises(ValueError, match="not the name"):
        shell.secret_lines({name: SecretStr("x")})


def test_what_no_argument_can_be_is_refused() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        shell.command(SHOW, "a\0b")
    with pytest.raises(ValueError, match="is over"):
        shell.command(SHOW, "a" * 100_000)


def test_programs_are_looked_for_where_people_have_them(tmp_path: Path) -> None:
    home = tmp_path / "a home"
    for folder in (
        ".local/bin",
        ".nvm/versions/node/v18.1.0/bin",
        ".nvm/versions/node/v20.2.0/bin",
    ):
        (home / folder).mkdir(parents=True)
    said = run_in("bash", shell.command(FOLDERS), PATH="/bin", HOME=str(home)).decode().strip()
    nodes = home / ".nvm/versions/node"
    ours = [f"{nodes}/v20.2.0/bin", f"{nodes}/v18.1.0/bin", f"{home}/.local/bin"]
    assert said.split(":")[:4] == ["/bin", *ours]


async def test_a_short_command_is_run_on_a_host(login: Login) -> None:
    async with connected(login) as connection:
        output = await shell.run(
            connection, shell.command(SECRETS), seconds=10, stdin=b"\nthe rest"
        )
    assert (output.stdout, output.stderr, output.status) == (b"|||the rest", b"", 0)


NEVER_ENDS = "while :; do printf '%01000d' 0; done"
WAITS = "exec sleep 30"


@pytest.mark.parametrize(("script", "code"), [(NEVER_ENDS, "ssh_error"), (WAITS, "timeout")])
async def test_a_command_has_an_end(login: Login, script: str, code: str) -> None:
    async with connected(login) as connection:
        with pytest.raises(Trouble) as raised:
            await shell.run(connection, shell.command(script), seconds=2)
        assert raised.value.code == code
        output = await shell.run(connection, shell.command(SHOW, "still here"), seconds=10)
        assert output.stdout.strip() == base64_of("still here").encode()


# --- Rules ---
SOURCES = sorted((ROOT / "mcp_install").rglob("*.py"))
SENDING = {"create_process", "run", "create_session", "command"}


def calls_in(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def test_no_command_is_put_together_from_text() -> None:
    """What is sent to a host is made by `shell.command`, of constants alone."""
    seen = 0
    for path in SOURCES:
        for call in calls_in(path):
            if name_of(call) not in SENDING:
                continue
            seen += 1
            for part in ast.walk(call):
                put_together = isinstance(part, ast.JoinedStr | ast.BinOp)
                assert not put_together, f"{path}:{call.lineno} puts text together"
                if isinstance(part, ast.Call):
                    assert name_of(part) not in {"format", "join"}, f"{path}:{call.lineno}"
    assert seen >= 3


def test_scripts_are_constants() -> None:
    for path in SOURCES:
        for call in calls_in(path):
            if name_of(call) == "command" and getattr(call.func, "value", None) is not None:
                first = call.args[0]
                assert isinstance(first, ast.Name), f"{path}:{call.lineno}"
                is_handed_on = first.id == "script"  # by a function that is given a constant
                assert first.id.isupper() or is_handed_on, f"{path}:{call.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_is_started_on_our_own_machine(path: Path) -> None:
    tree = ast.parse(path.read_text())
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named |= {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
    parts = {part for name in named for part in name.split(".")}
    banned = {
        "StdioServerParameters", "stdio_client", "subprocess", "create_subprocess_exec",
        "create_subprocess_shell", "popen", "Popen", "posix_spawn", "fork", "execv",
        "pty", "LocalProcess",
    }  # fmt: skip
    assert not parts & banned
