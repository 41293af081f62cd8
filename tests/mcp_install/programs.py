"""Programs that tests start as servers on a "remote" host: good ones of both eras, and bad ones.

Each is the text of a script. They run with the Python that the tests run with, and so as whoever
runs the tests, in a folder of their own.
"""

import os
import pwd
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sshd import Account

MODERN = """
import asyncio, os, sys
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

mcp = MCPServer("Sums", version="{version}", log_level="CRITICAL")

@mcp.tool()
def add(a: int, b: int) -> str:
    "Add two numbers."
    return str(a + b)

@mcp.tool()
def environment(name: str) -> str:
    "What a variable holds."
    return os.environ.get(name, "")

@mcp.tool()
def arguments() -> str:
    "How it was started."
    return " ".join(sys.argv[1:])

@mcp.tool()
async def slow(seconds: float) -> str:
    "Take some time."
    await asyncio.sleep(seconds)
    return "at last"

@mcp.tool()
def big(characters: int) -> str:
    "Say much."
    return "x" * characters

@mcp.tool()
def die() -> str:
    "End at once."
    print("I was asked to", file=sys.stderr, flush=True)
    os._exit(3)

@mcp.tool()
def fail() -> str:
    "Fail."
    raise ToolError("no disk is left")

if {port}:
    mcp.run("streamable-http", port={port})
else:
    mcp.run()
"""

# Knows nothing later than 2025-06-18, and answers what it does not know with an error, but for
# `server/discover` with SILENT.
LEGACY = """
import json, sys

TOOLS = [{
    "name": "echo",
    "description": "Say it again",
    "inputSchema": {
        "type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"],
    },
}]

def result_of(method, params):
    if method == "initialize":
        info = {"name": "Old", "version": "0.1"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        page = int(params.get("cursor", 0))
        named = [dict(TOOLS[0], name="echo" + (str(page) if page else ""))]
        return {"tools": named} | ({"nextCursor": str(page + 1)} if page < 2 else {})
    if method == "tools/call":
        return {"content": [{"type": "text", "text": params["arguments"]["text"]}]}

for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = result_of(message["method"], message.get("params") or {})
    if result is None and SILENT:
        continue
    answer = {"error": {"code": -32601, "message": "Method not found"}}
    if result is not None:
        answer = {"result": result}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"]} | answer), flush=True)
"""

BANNER = "print('Welcome!\\r\\n{not json}\\n' * 20, flush=True)\n"
CRASHES = "import sys; print('Traceback: no module named nothing', file=sys.stderr); sys.exit(3)\n"
HANGS = "import time, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)\n"
LONG_LINE = "print('x' * 20_000_000, flush=True); input()\n"
CHATTERS = "while True: print('still here', flush=True)\n"
WRONG_TYPES = LEGACY.replace('return {"tools": named}', 'return {"tools": "many"}')
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    os.close(0), os.close(1), os.close(2)
    time.sleep(600)
"""


@contextmanager
def myself() -> Iterator[Account]:
    """Whoever runs the tests, at home in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="remote-") as folder:
        yield Account(pwd.getpwuid(os.geteuid()).pw_name, Path(folder))


def modern(version: str = "1.0", port: int = 0) -> str:
    return MODERN.replace("{version}", version).replace("{port}", str(port))


def legacy(*, is_silent: bool = False) -> str:
    return LEGACY.replace("SILENT", str(is_silent))


def put(someone: Account, path: str, script: str) -> str:
    """A program at a path in the account's home, as the account's own; its absolute path."""
    whole = f"{someone.home}/{path}"
    text = f"#!{sys.executable}\n{script}"
    folder = shlex.quote(str(Path(whole).parent))
    name = shlex.quote(whole)
    someone.run(f"mkdir -p {folder} && cat > {name} <<'THE_END'\n{text}\nTHE_END\nchmod +x {name}")
    return whole
