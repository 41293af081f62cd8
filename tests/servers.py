"""A pytest plugin: PostgreSQL and Valkey for this run, in a folder of its own, on free ports.

Loaded with `-p` so that they are there before Django reads its settings. Parallel test processes
share PostgreSQL, where each has a database, and have a Valkey each: channels are global to it.
"""

import os
import shutil
import signal
import tempfile
from pathlib import Path

from demo.stack import Stack

# Ctrl-C interrupts, also in what a shell runs in the background, and in what is started from here.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in list(os.environ):
    if name.startswith(("LLM_", "EMBEDDING_", "REALTIME_", "SESSION_", "MCP_", "CREDENTIAL_")):
        del os.environ[name]  # the developer's own settings are not under test
os.environ.pop("REDIS_URL", None)
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ.pop("DATABASE_URL", None)

_folder = Path(tempfile.mkdtemp(prefix="workspace-tests-"))
(_folder / "static").mkdir()
# Another run that begins would close pytest's usual folder to the account of PostgreSQL.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_folder))
_stack = Stack(_folder, 8000, say=print)
_stack.start_servers(llm_path=None)
os.environ |= _stack.servers | {"DATA_DIR": str(_folder), "SECRET_KEY": "for-tests-only" * 4}
os.environ["MCP_SSH_ALLOW_PRIVATE"] = "on"  # the hosts of tests are on this machine


def pytest_unconfigure() -> None:
    _stack.stop()
    shutil.rmtree(_folder, ignore_errors=True)
