"""The queue for SSH. Imported by workers only."""

from typing import Any

from celery import shared_task

from mcp_install.ask_worker import TASK
from mcp_install.look import look
from realtime import background
from realtime.ask import answer


@shared_task(name=TASK)
def answer_look(key: str, host_id: str, what: str, arguments: dict[str, Any]) -> None:
    answer(key, background.run(look(host_id, what, arguments)))
