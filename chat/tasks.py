"""Replies, on the interactive queue. Imported by workers only."""

import uuid
from contextlib import suppress

from celery import shared_task
from kombu.exceptions import KombuError
from redis import RedisError

from chat import approve, titles, turns
from chat.reply import write_reply
from realtime.work import Report, run


@shared_task(name=turns.KIND, acks_late=True, reject_on_worker_lost=True)
def reply(job_id: str) -> None:
    run(job_id, _write_and_name)


def _write_and_name(message_id: uuid.UUID, report: Report) -> str:
    words = write_reply(message_id, report)
    with suppress(KombuError, RedisError, OSError):  # a title is not worth an answer
        title.delay(str(message_id))
    return words


@shared_task(name="chat.title")
def title(message_id: str) -> None:
    titles.give(uuid.UUID(message_id))


@shared_task(name="chat.sweep")
def sweep() -> None:
    approve.deny_late()
    turns.sweep()
