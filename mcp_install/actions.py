"""What a worker does for each kind of run."""

from collections.abc import Awaitable, Callable

from mcp_install.install import install
from mcp_install.models import Action
from mcp_install.run import Run

WORK: dict[str, Callable[[Run], Awaitable[str]]] = {
    Action.INSTALL: install,
    Action.UPGRADE: install,
}
