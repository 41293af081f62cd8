"""A server that is installed already, in a stack of its own processes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.sshd import Account, Sshd
from tests.stack import LiveStack


def put_in(stack: LiveStack, sshd: Sshd, me: Account) -> str:
    """Our modern server on a host of ann's; its id."""
    there = {"folder": str(sshd.folder), "port": sshd.port, "key": sshd.key}
    return run_in(stack, f"{__name__}", f"put({there!r}, {me.name!r}, {str(me.home)!r})")


def run_in(stack: LiveStack, module: str, call: str) -> str:
    """The last line that a call prints, in a process with the stack's settings."""
    code = f"import {module} as module; module.{call}"
    done = stack.manage("shell", "--no-imports", "--command", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def put(sshd: dict[str, Any], account: str, home: str) -> None:
    """Prints the id. Called in a process that has Django set up, as others that import this have
    not."""
    from django.contrib.auth.models import User  # noqa: PLC0415

    from tests.mcp_install.installed import host_of, installed  # noqa: PLC0415
    from tests.mcp_install.programs import modern  # noqa: PLC0415

    ann = User.objects.get(username="ann")
    there: Any = SimpleNamespace(**sshd | {"folder": Path(sshd["folder"])})
    me = Account(account, Path(home))
    print(installed(ann, host_of(ann, there, me), me, modern()).pk)  # noqa: T201
