"""The queue for SSH. Imported by workers only."""

from typing import Any

from celery import shared_task

from mcp_install import installs, leftovers, run_log, turns
from mcp_install.actions import WORK
from mcp_install.ask_worker import TASK
from mcp_install.look import look
from mcp_install.run import carry_out
from realtime import background
from realtime.ask import answer
from realtime.work import run


@shared_task(name=installs.KIND, acks_late=True, reject_on_worker_lost=True)
def install(job_id: str) -> None:
    run(job_id, lambda installation_id, report: carry_out(installation_id, report, WORK))


@shared_task(name="mcp.sweep")
def sweep() -> None:
    turns.sweep()


@shared_task(name="mcp.tidy")
def tidy() -> None:
    background.run(leftovers.sweep())


@shared_task(name="mcp.forget")
def forget() -> None:
    run_log.forget()


@shared_task(name=TASK)
def answer_look(key: str, host_id: str, what: str, arguments: dict[str, Any]) -> None:
    answer(key, background.run(look(host_id, what, arguments)))
