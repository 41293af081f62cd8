"""The work of a reply: taken up, written, kept; and what becomes of it when it is interrupted.

It runs on the worker's loop (`realtime.background`). When its worker is lost, a reply that had
written something ends as interrupted, with its text; one that had not begins again. While its owner
has to allow a tool nobody holds it: `chat.approve` wakes it.
"""

import asyncio
import uuid
from contextlib import suppress

from django.db.models import Exists

from chat.attempt import Attempt
from chat.models import CallStatus, Message
from chat.offers import Offer, chosen
from chat.path import Tree
from chat.writer import Writer
from realtime import background
from realtime.background import in_thread
from realtime.jobs import held
from realtime.models import Job
from realtime.pages import position
from realtime.work import Failure, Paused, Report, Superseded

COMPLETE = "Complete"
DELETED = "The conversation was deleted."
INTERRUPTED = "Interrupted: the worker was lost while it wrote. What was written is kept."
NO_MODEL = "No language model is connected. Set LLM_BASE_URL, then try again."


def write_reply(message_id: uuid.UUID, report: Report) -> str:
    """Write a reply; returns the closing message."""
    return background.run(_write(message_id, report))


async def _write(message_id: uuid.UUID, report: Report) -> str:
    """The work, with an eye on whether it is still wanted."""
    reply, offer, path = await in_thread(_take_up, message_id, report)
    if offer is None:
        return COMPLETE
    writer = Writer(reply, reply.session.owner_id, report)
    work = asyncio.create_task(Attempt(reply, path, offer, writer, report).make())
    watch = asyncio.create_task(writer.keep_watch())
    try:
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        first = work if work.done() else watch
        for task in (work, watch):
            task.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)
        error = first.exception()
        if error and not isinstance(error, Paused | Superseded):
            with suppress(Superseded):
                await writer.close()
        first.result()
    finally:
        await writer.let_go()
    return COMPLETE


def _take_up(message_id: uuid.UUID, report: Report) -> tuple[Message, Offer | None, list[Message]]:
    """The reply, without what an earlier attempt wrote and did not settle; who writes it, None when
    it was complete before the worker that wrote it was lost; and what it replies to."""
    reply = Message.objects.select_related("session").filter(pk=message_id).first()
    if reply is None:
        raise Failure(DELETED)
    settled, calls = reply.settled, reply.tool_calls.all()
    if settled and len(reply.content) == settled and not calls.filter(offset=settled).exists():
        return reply, None, []
    if report.job.losses and (
        len(reply.content) > settled or calls.filter(status=CallStatus.RUNNING).exists()
    ):
        raise Failure(INTERRUPTED)
    offer = chosen(reply.session.model)
    if offer is None:
        raise Failure(NO_MODEL)
    reply.content, reply.model = reply.content[:settled], offer.name
    reply.attempt = report.job.attempt
    reply.cursor = position(reply.session.owner_id)  # before the first piece
    path = Tree(reply.session).path(reply.parent_id)
    _keep(reply, report)
    return reply, offer, path


def _keep(reply: Message, report: Report) -> None:
    """That this attempt writes the reply from here on, unless a later one does."""
    job = Job.objects.filter(held(report.job), pk=report.job.pk, cancel_requested=False)
    mine = Message.objects.filter(Exists(job), pk=reply.pk, attempt__lt=reply.attempt)
    fields = ("content", "model", "cursor", "attempt")
    if not mine.update(**{name: getattr(reply, name) for name in fields}):
        report.look()
        raise Superseded
