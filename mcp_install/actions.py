"""What a worker does for each kind of run."""

from collections.abc import Awaitable, Callable

from mcp_install.install import install
from mcp_install.models import Action
from mcp_install.run import Run
from mcp_install.upkeep import check, roll_back, uninstall

WORK: dict[str, Callable[[Run], Awaitable[str]]] = {
    Action.INSTALL: install,
    Action.UPGRADE: install,
    Action.VERIFY: check,
    Action.ROLLBACK: roll_back,
    Action.UNINSTALL: uninstall,
}
