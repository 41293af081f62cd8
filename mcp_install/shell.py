"""Commands on a host, whatever shell its owner has there.

The owner's login shell parses what is sent to it, and no quoting is safe in all of them. So it is
given one word that every shell reads alike, base64, and hands it to /bin/sh. Scripts are constants;
what varies goes into them as positional arguments, and secrets as lines on standard input, where
neither `ps` nor a disk shows them.
"""

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncssh
from pydantic import SecretStr

from mcp_install.connect import Connection
from mcp_install.troubles import Trouble

MOST_COMMAND = 100_000  # bytes; Linux takes 128 KiB as one argument
MOST_OUTPUT = 256 * 1024  # bytes of a short command
WINDOW = 256 * 1024  # bytes that a host may send ahead
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Where people have their programs, which a shell that is not interactive does not look into.
USUAL_PLACES = r"""
PATH=${PATH:-/usr/bin:/bin}
nodes=
for place in "$HOME"/.nvm/versions/node/*/bin \
    "$HOME"/.local/share/fnm/node-versions/*/installation/bin; do
  nodes="$place:$nodes"  # the newest first
done
old=$IFS; IFS=:
for place in $nodes "$HOME/.local/bin" "$HOME/.cargo/bin" "$HOME/.volta/bin" "$HOME/.pyenv/shims" \
    "$HOME/.asdf/shims" "$HOME/.local/share/mise/shims" "$HOME/bin" /opt/homebrew/bin \
    /home/linuxbrew/.linuxbrew/bin /usr/local/bin /usr/bin /bin; do
  case ":$PATH:" in
    *":$place:"*) ;;
    *) if [ -d "$place" ]; then PATH="$PATH:$place"; fi ;;
  esac
done
IFS=$old; unset old nodes place
export PATH
"""

# Reads what `secret_lines` makes into the environment, and leaves the rest of the input alone.
READ_SECRETS = r"""
while IFS= read -r mcp_line && [ -n "$mcp_line" ]; do
  mcp_value=$(printf %s "${mcp_line#*=}" | base64 -d && printf x) || exit 78
  export "${mcp_line%%=*}=${mcp_value%x}"
done
unset mcp_line mcp_value
"""


def command(script: str, *arguments: str | bytes, env: Mapping[str, str] | None = None) -> str:
    """The one way to make a command line: the script, with its arguments as `$1` and so on.

    Raises ValueError for what no argument can be, or is too long.
    """
    lines = [b"export " + _name(name) + b"=" + _quoted(text) for name, text in (env or {}).items()]
    lines += [b" ".join([b"set --", *map(_quoted, arguments)]), script.encode()]
    text = base64.b64encode(b"\n".join(lines)).decode()
    if len(text) > MOST_COMMAND:
        raise ValueError(f"a command of {len(text)} bytes is over {MOST_COMMAND}")
    return "exec /bin/sh -c 'eval \"$(printf %s " + text + " | base64 -d)\"'"


def secret_lines(secrets: Mapping[str, SecretStr]) -> bytes:
    """For `READ_SECRETS`: a line for each variable, then an empty one."""
    lines = [
        _name(name) + b"=" + base64.b64encode(secret.get_secret_value().encode())
        for name, secret in secrets.items()
    ]
    return b"".join(line + b"\n" for line in [*lines, b""])


def _name(name: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a variable")
    return name.encode()


def _quoted(argument: str | bytes) -> bytes:
    """For POSIX shells, which is what /bin/sh is."""
    if isinstance(argument, str):
        argument = argument.encode("utf-8", "surrogateescape")
    if b"\0" in argument:
        raise ValueError("an argument cannot hold a zero byte")
    return b"'" + argument.replace(b"'", b"'\"'\"'") + b"'"


@dataclass(frozen=True)
class Output:
    """What a command came to. `status` is None when a signal or a lost connection ended it."""

    stdout: bytes
    stderr: bytes
    status: int | None


async def run(connection: Connection, line: str, *, seconds: float, stdin: bytes = b"") -> Output:
    """A short command, without a terminal; `line` is of `command`. Raises Trouble."""
    try:
        async with asyncio.timeout(seconds):
            process = await connection.create_process(line, encoding=None, window=WINDOW)
            try:
                return await _finish(process, stdin)
            finally:
                process.close()
    except TimeoutError:
        raise Trouble("timeout", f"a command took longer than {seconds:g} s") from None
    except asyncssh.ChannelOpenError as error:
        raise Trouble("ssh_error", f"the host runs no commands: {error.reason}") from None
    except (asyncssh.Error, OSError):
        raise Trouble("connection_lost") from None


async def _finish(process: Any, stdin: bytes) -> Output:
    process.stdin.write(stdin)
    process.stdin.write_eof()
    stdout, stderr = await asyncio.gather(_some(process.stdout), _some(process.stderr))
    await process.wait_closed()
    return Output(stdout, stderr, process.exit_status)


async def _some(stream: Any) -> bytes:
    """All of it, as far as it is not too much."""
    read = bytearray()
    while piece := await stream.read(16 * 1024):
        read += piece
        if len(read) > MOST_OUTPUT:
            raise Trouble("ssh_error", "the host prints without end")
    return bytes(read)
