"""Replies, on the interactive queue. Imported by workers only."""

from contextlib import suppress

from celery import shared_task
from kombu.exceptions import KombuError
from redis import RedisError

from chat import approve, titles, turns
from chat.reply import write_reply
from realtime.work import run


@shared_task(name=turns.KIND, acks_late=True, reject_on_worker_lost=True)
def reply(job_id: str) -> None:
    run(job_id, write_reply)
    if titles.wanted(job_id):
        with suppress(KombuError, RedisError, OSError):  # a title is not worth an answer
            title.delay(job_id)


@shared_task(name="chat.title")
def title(job_id: str) -> None:
    titles.give(job_id)


@shared_task(name="chat.sweep")
def sweep() -> None:
    approve.deny_late()
    turns.sweep()
