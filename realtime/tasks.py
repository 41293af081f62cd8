"""The periodic task that keeps promises for processes that died."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from realtime import idempotency, jobs, publish
from realtime.session_store import SessionStore


@shared_task(name="realtime.reap")
def reap() -> None:
    publish.sweep()
    jobs.reap()


@shared_task(name="realtime.forget")
def forget() -> None:
    idempotency.forget()
    SessionStore.clear_expired()


@worker_ready.connect
def free_what_a_predecessor_held(sender: Any, **_: Any) -> None:
    jobs.abandon(sender.hostname)
