"""A reply's text on its way: into the stream at once, into its row every half second.

Belongs to the worker's loop. What has not reached the stream goes with the next piece, so a log
that is away for a while loses nothing.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

import msgspec
from django.db import Error, connection
from msgspec import UNSET

from chat.blocks import Growing, Html, Sources
from chat.models import Message
from realtime.background import in_stream, in_thread
from realtime.events import MessageChunk
from realtime.publish import publish_now
from realtime.work import Report

logger = logging.getLogger(__name__)

Fields = dict[str, object]

FLUSH_SECONDS = 0.05
FLUSH_CHARACTERS = 512
AWAY_SECONDS = 1.0  # before a log that did not take a piece is asked again
KEEP_SECONDS = 0.5
MOST_CHARACTERS = 2_000  # in one event
MOST_TEXT, MOST_HTML = 6 * 1024, 8 * 1024  # bytes of JSON in one event, which holds 16 KiB
HTML_RATE = 48 * 1024  # bytes a second that the last block may cost by being sent again and again
RENDERING = 0.15  # the share of a core that may go into rendering, of all replies together


# Twice a second for each reply that is being written, so it is one statement, and not put together
# each time. A later attempt has put its number there before it writes.
_KEEP = """
UPDATE chat_message SET content = %s, cursor = %s
WHERE id = %s AND attempt = %s AND EXISTS (
    SELECT FROM realtime_job AS job
    WHERE job.id = job_id AND job.attempt = %s AND status = 'RUNNING' AND NOT cancel_requested
)
"""


class Writer:
    """`put` pieces as they come; `keep_watch` in a task beside; `close`, if the reply ends; and
    `let_go` in any case."""

    _watched = 0  # how many are being written in this process

    def __init__(self, reply: Message, owner_id: int, report: Report) -> None:
        self.text = reply.content
        self._reply, self._owner_id, self._report = reply, owner_id, report
        self._sent = 0
        self._cursor = reply.cursor
        self._blocks: Growing | None = None
        self._render_at = self._flush_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._is_over = False
        # A task that is cancelled leaves its thread at work.
        self._sending, self._keeping = threading.Lock(), threading.Lock()
        self._kept = 0, ""  # how long the text was, and the cursor

    async def render_with(self, sources: Sources, cuts: Iterable[int]) -> None:
        """Send HTML too, from now on. No block goes over a cut."""
        await in_stream(self._render_with, sources, cuts)

    def _render_with(self, sources: Sources, cuts: Iterable[int]) -> None:
        with self._sending:
            blocks = Growing(sources)
            for place in cuts:
                blocks.cut(self.text[:place])
            self._blocks = blocks

    def put(self, piece: str) -> None:
        """More text; sent at most every 50 ms, or as soon as there are 512 characters."""
        self.text += piece
        if self._flushing or self._is_over or len(self.text) == self._sent:
            return
        wait = self._flush_at - time.monotonic()
        is_much = len(self.text) - self._sent >= FLUSH_CHARACTERS
        if wait <= 0 or (is_much and wait <= FLUSH_SECONDS):
            self._flush_soon()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._flush_soon)

    async def keep_watch(self) -> None:
        """Keep the text in its row, for ever. Raises Cancelled and Superseded."""
        Writer._watched += 1
        try:
            while True:
                await asyncio.sleep(KEEP_SECONDS)
                with suppress(Error):  # the next time, or at the end
                    await in_thread(self._write_so_far, self.text, self._cursor)
        finally:
            Writer._watched -= 1

    async def flush(self) -> None:
        """Send all of it, if the log answers."""
        self._disarm()
        await self._send()

    async def close(self, **fields: object) -> None:
        """Send the rest and the end, and keep all of it, with more fields of its row; also of a job
        that was asked to end."""
        self._is_over = True
        self._disarm()
        await self._send(is_complete=True)
        await in_thread(self._write_all, self.text, self._cursor, fields)

    async def let_go(self) -> None:
        """Send nothing more."""
        self._is_over = True
        self._disarm()
        if self._flushing:
            await asyncio.wait({self._flushing})

    # --- The row ----------------------------------------------------------------------------------
    def _write_so_far(self, text: str, cursor: str) -> None:
        with self._keeping:
            if not self._newer(text, cursor):
                return self._report.look()
            job = self._report.job
            with connection.cursor() as row:
                row.execute(_KEEP, [text, cursor, self._reply.pk, job.attempt, job.attempt])
                if not row.rowcount:
                    return self._report.look()
            self._report.heard = time.monotonic()
            self._kept = len(text), cursor

    def _write_all(self, text: str, cursor: str, fields: Fields) -> None:
        with self._keeping, self._report.fence(also_cancelled=True):
            fields |= self._newer(text, cursor)
            if fields:
                Message.objects.filter(pk=self._reply.pk).update(**fields)

    def _newer(self, text: str, cursor: str) -> Fields:
        is_newer = (len(text), cursor) != self._kept and len(text) >= self._kept[0]
        return {"content": text, "cursor": cursor} if is_newer else {}

    # --- The stream -------------------------------------------------------------------------------
    def _flush_soon(self) -> None:
        self._disarm()
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_once())

    async def _flush_once(self) -> None:
        try:
            wait = FLUSH_SECONDS if await self._send() else AWAY_SECONDS
        finally:
            self._flushing = None
        self._flush_at = time.monotonic() + wait
        self.put("")

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    async def _send(self, *, is_complete: bool = False) -> bool:
        return await in_stream(self._publish, self.text, is_complete)

    def _publish(self, text: str, is_complete: bool) -> bool:
        """The text from where it was sent to; its HTML goes with the last piece. False when the log
        did not take all of it."""
        with self._sending:
            while (end := _fitting(text, self._sent)) < len(text):
                if not self._publish_piece(text[:end]):
                    return False
            if len(text) == self._sent and not is_complete:
                return True
            html = self._html(text, is_complete)
            is_sent = self._publish_piece(text, is_complete, html)
            if is_sent and html and self._blocks:
                self._blocks.keep()
            return is_sent

    def _publish_piece(
        self, text: str, is_complete: bool = False, html: Html | None = None
    ) -> bool:
        event = MessageChunk(
            message_id=str(self._reply.pk),
            session_id=str(self._reply.session_id),
            content=text[self._sent :],
            content_offset=self._sent,
            is_complete=is_complete,
            attempt=self._report.job.attempt,
            blocks_from=html.first if html else UNSET,
            blocks=html.blocks if html else UNSET,
        )
        position = publish_now(self._owner_id, event, self._report.job)
        if position:
            self._sent, self._cursor = len(text), str(position)
        return position is not None

    def _html(self, text: str, is_complete: bool) -> Html | None:
        """What is new, unless some was sent a moment ago. Blocks that are too large are left out:
        who is sent the next ones finds that they do not follow on, and fetches."""
        began = time.monotonic()
        if self._blocks is None or (began < self._render_at and not is_complete):
            return None
        html = self._blocks.render(text)
        size = len(msgspec.json.encode(html.blocks))
        spent = (time.monotonic() - began) * max(1, Writer._watched)
        pause = max(spent / RENDERING, size / HTML_RATE)
        self._render_at = began + pause
        if size > MOST_HTML:
            self._blocks.keep()
            return None
        return html


def _fitting(text: str, begin: int) -> int:
    """Where the piece ends that begins there and fits into one event."""
    end = min(len(text), begin + MOST_CHARACTERS)
    while len(msgspec.json.encode(text[begin:end])) > MOST_TEXT:
        end = begin + (end - begin) // 2
    return end
