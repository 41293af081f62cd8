"""How an installed server is started on its host: a program, its arguments and its environment.

Nothing of it stays when nobody is connected any more: on the host, a shell waits for the end of the
server's input, and two seconds later kills what is left, daemons included. All that is started has
`MCP_INSTALL_ID` in its environment, by which a run finds it, and `MCP_SERVER_ID`.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from mcp_install import shell
from mcp_install.connect import Connection
from mcp_install.mask import Masker
from mcp_install.plan import Plan
from mcp_install.tidy import KILL
from mcp_install.troubles import Trouble

SECONDS = 20  # to find a program
_OF_ARGUMENT = "MCP_ARGUMENT_"  # variables that carry secret arguments, gone before the start

# What the server is sent passes through a `cat`, whose end is the connection's; whoever is first to
# end, it or the server, ends the other.
START = (
    shell.USUAL_PLACES
    + shell.READ_SECRETS
    + r"""
umask 077
mcp_run=$1 mcp_server=$2 mcp_launch=$3 mcp_port=$4 mcp_folder=$5
shift 5
cd -- "$mcp_folder" || exit 77
[ -n "$LC_ALL$LC_CTYPE$LANG" ] || export LC_ALL=C.UTF-8
mcp_left=$#
while [ "$mcp_left" -gt 0 ]; do
  mcp_value=$2
  if [ "$1" = secret ]; then eval "mcp_value=\$$2"; unset "$2"; fi
  set -- "$@" "$mcp_value"
  shift 2
  mcp_left=$((mcp_left - 2))
done
unset mcp_left mcp_value
found() { grep -lF -e "MCP_LAUNCH_ID=$mcp_launch" /proc/[0-9]*/environ; }
end_what_is_left() {
  for mcp_turn in 1 2 3 4 5 6 7 8; do
    if [ -d /proc/self ] && [ -z "$(found)" ]; then return; fi
    sleep 0.25 || sleep 1
  done
  for mcp_place in $(found); do
    mcp_place=${mcp_place#/proc/}
    kill -s KILL "${mcp_place%/environ}"
  done
  kill -s KILL -- -$$
}
start() {
  export MCP_INSTALL_ID="$mcp_run" MCP_SERVER_ID="$mcp_server" MCP_LAUNCH_ID="$mcp_launch"
  exec "$@"
}
exec 3<&0
{
  sh -c 'echo $$; exec cat' <&3
  mcp_status=$?
  exec >/dev/null
  if [ "$mcp_status" = 0 ]; then sleep 0.25 || sleep 1; fi
  end_what_is_left
} 2>/dev/null | {
  exec 3<&-
  read -r mcp_cat
  if [ -n "$mcp_port" ]; then exec </dev/null; fi
  (start "$@")
  mcp_status=$?
  kill "$mcp_cat" 2>/dev/null
  exit "$mcp_status"
}
"""
)

# Names of the package's own programs, a line each after the nonce.
_PROGRAMS = (
    shell.USUAL_PLACES
    + r"""
nonce=$1 kind=$2 programs=$3 folder=$4 package=$5 program=$6
say() { printf '%s %s\n' "$nonce" "$1"; }
if [ -n "$program" ] && [ -x "$programs/$program" ]; then
  say "$program"
elif [ "$kind" = npm ]; then
  node -e '
const [nonce, folder, name] = process.argv.slice(1);
const kept = JSON.parse(
  require("fs").readFileSync(`${folder}/node_modules/${name}/package.json`, "utf8"));
const bin = kept.bin || {};
const own = typeof bin === "string" ? [name.split("/").pop()] : Object.keys(bin);
for (const one of own) console.log(nonce, one);
' "$nonce" "$folder" "$package" </dev/null
else
  "$programs/python" -c '
import sys
from importlib.metadata import distribution
for one in distribution(sys.argv[2]).entry_points:
    if one.group == "console_scripts":
        print(sys.argv[1], one.name)
' "$nonce" "$package" </dev/null
fi
say ""
"""
)


@dataclass(frozen=True)
class Launch:
    """What starts a server. `arguments` and names of `secrets` are as the plan has them; `run` is
    the id of the Installation that it is started for, by which its processes are found."""

    program: str
    arguments: tuple[dict[str, str], ...]
    environment: Mapping[str, str]
    secrets: Mapping[str, SecretStr]
    folder: str  # in which it works: that of the server, not of one version
    transport: Mapping[str, str]
    server: str
    run: str

    @classmethod
    def of(
        cls, plan: Plan, program: str, known: Mapping[str, SecretStr], *, server: Any, run: Any
    ) -> "Launch":
        return cls(
            program=program,
            arguments=plan.arguments,
            environment=plan.environment,
            secrets=known,
            folder=f"{plan.directory}/{plan.slug}",
            transport=plan.transport,
            server=str(server),
            run=str(run),
        )

    @property
    def is_http(self) -> bool:
        return self.transport.get("type") == "streamable-http"

    def start(self) -> tuple[str, bytes]:
        """The command line, and what is to be written to its input first."""
        pairs, given = ["text", self.program], dict(self.secrets)
        carried = {name: value for name, value in given.items() if ":" not in name}
        for place, argument in enumerate(self.arguments):
            if "secret" in argument:
                name = f"{_OF_ARGUMENT}{place}"
                carried[name] = given[argument["secret"]]
                pairs += ["secret", name]
            else:
                pairs += ["text", argument["text"]]
        port = "port" if self.is_http else ""
        marks = (self.run, self.server, secrets.token_hex(16), port, self.folder)
        usual = {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
        environment = usual | dict(self.environment)
        line = shell.command(START, *marks, *pairs, env=environment)
        return line, shell.secret_lines(carried)

    def masked(self, text: str) -> str:
        """The text without the secrets."""
        return Masker(self.secrets.values()).whole(text)


async def find_program(connection: Connection, plan: Plan) -> str:
    """The absolute path of what starts the server: the program that the plan names, or else the
    package's only one, or the one that is called like it. Raises Trouble."""
    nonce = secrets.token_hex(8)
    asked = (nonce, plan.kind, plan.programs, plan.folder, plan.package, plan.program)
    output = await shell.run(connection, shell.command(_PROGRAMS, *asked), seconds=SECONDS)
    lines = output.stdout.decode("utf-8", "replace").splitlines()
    told = [line.partition(" ")[2] for line in lines if line.startswith(f"{nonce} ")]
    names = [name for name in told if name and "/" not in name]
    alike = [name for name in names if name in (plan.program, plan.package.rpartition("/")[2])]
    if not names:
        raise Trouble("no_executable", plan.package)
    if len(names) > 1 and not alike:
        words = f"{plan.package} has {', '.join(sorted(names)[:10])}, and does not say which"
        raise Trouble("no_executable", words)
    return f"{plan.programs}/{(alike or names)[0]}"


async def kill(connection: Connection, mark: str) -> None:
    """End every process on the host that has the mark, `NAME=value`, in the environment that it was
    started with. Raises Trouble."""
    await shell.run(connection, shell.command(KILL, mark), seconds=SECONDS)
