"""Periodic tasks that keep promises for processes that died; and the self-test."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from realtime import idempotency, jobs, publish, self_test, self_test_runs
from realtime.session_store import SessionStore
from realtime.work import run


@shared_task(name="realtime.reap")
def reap() -> None:
    publish.sweep()
    jobs.reap()


@shared_task(name="realtime.forget")
def forget() -> None:
    idempotency.forget()
    SessionStore.clear_expired()
    self_test.forget_leftovers()


@shared_task(name=self_test_runs.KIND, acks_late=True, reject_on_worker_lost=True)
def test_itself(job_id: str) -> None:
    run(job_id, lambda _, report: self_test.self_test(report))


@worker_ready.connect
def free_what_a_predecessor_held(sender: Any, **_: Any) -> None:
    jobs.abandon(sender.hostname)
