"""A reply's text on its way: into the stream at once, into its row every half second.

Belongs to the worker's loop. What has not reached the stream goes with the next piece, so a log
that is away for a while loses nothing.
"""

import asyncio
import logging
import threading
import time

from django.db import DatabaseError
from msgspec import UNSET

from chat.blocks import Growing, Sources
from chat.models import Message
from realtime.background import in_thread
from realtime.events import MessageChunk
from realtime.publish import publish_now
from realtime.work import Report

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.05
FLUSH_CHARACTERS = 512
KEEP_SECONDS = 0.5
MOST_CHARACTERS = 2_000  # in one event
MOST_HTML = 8 * 1024  # bytes in one event, which holds 16 KiB
HTML_RATE = 48 * 1024  # bytes a second that the last block may cost by being sent again and again
RENDERING = 0.1  # the share of the time that may go into rendering

Html = tuple[int, list[str]]  # the number of the first block, and the blocks from there on


class Writer:
    """`put` pieces as they come; `keep_watch` in a task beside; `close` at the end."""

    def __init__(self, reply: Message, owner_id: int, report: Report) -> None:
        self.text = reply.content
        self._reply, self._owner_id, self._report = reply, owner_id, report
        self._sent = len(self.text)
        self._cursor = reply.cursor
        self._blocks: Growing | None = None
        self._render_at = self._flush_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None
        # A task that is cancelled leaves its thread at work.
        self._sending, self._keeping = threading.Lock(), threading.Lock()
        self._kept = 0

    def render_with(self, sources: Sources, cuts: list[int]) -> None:
        """Send HTML too, from now on. No block goes over a cut."""
        self._blocks = Growing(sources)
        for place in cuts:
            self._blocks.cut(self.text[:place])

    def put(self, piece: str) -> None:
        """More text; sent at most every 50 ms, or as soon as there are 512 characters."""
        self.text += piece
        if self._flushing:
            return
        wait = self._flush_at - time.monotonic()
        if wait <= 0 or len(self.text) - self._sent >= FLUSH_CHARACTERS:
            self._flush_soon()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._flush_soon)

    async def keep_watch(self) -> None:
        """Keep the text in its row, for ever. Raises Cancelled and Superseded."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            try:
                await self._keep()
            except DatabaseError as error:
                logger.warning("a reply is not kept for now: %s", error)

    async def settle(self) -> None:
        """Send and keep all of it, to stay when the reply is taken up again."""
        await self._flush()
        await self._keep(settled=True)

    async def close(self) -> None:
        """Send the rest and the end, and keep all of it; also of a job that was asked to end."""
        await self._flush(is_complete=True)
        await self._keep(also_cancelled=True)

    # --- The row ----------------------------------------------------------------------------------
    async def _keep(self, *, settled: bool = False, also_cancelled: bool = False) -> None:
        await in_thread(self._write, self.text, self._cursor, settled, also_cancelled)

    def _write(self, text: str, cursor: str, settled: bool, also_cancelled: bool) -> None:
        fields: dict[str, object] = {"content": text, "cursor": cursor}
        if settled:
            fields["settled"] = len(text)
        with self._keeping, self._report.fence(also_cancelled=also_cancelled):
            if len(text) >= self._kept:
                Message.objects.filter(pk=self._reply.pk).update(**fields)
                self._kept = len(text)

    # --- The stream -------------------------------------------------------------------------------
    def _flush_soon(self) -> None:
        self._disarm()
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_once())

    async def _flush_once(self) -> None:
        try:
            await self._send(self.text)
        finally:
            self._flushing = None
            self._flush_at = time.monotonic() + FLUSH_SECONDS
        if len(self.text) > self._sent:
            self.put("")

    async def _flush(self, *, is_complete: bool = False) -> None:
        self._disarm()
        await self._send(self.text, is_complete=is_complete)

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    async def _send(self, text: str, *, is_complete: bool = False) -> None:
        await in_thread(self._publish, text, is_complete)

    def _publish(self, text: str, is_complete: bool) -> None:
        """The text from where it was sent to; its HTML goes with the last piece."""
        with self._sending:
            while len(text) - self._sent > MOST_CHARACTERS:
                if not self._publish_piece(text[: self._sent + MOST_CHARACTERS]):
                    return
            if len(text) > self._sent or is_complete:
                self._publish_piece(text, is_complete, self._html(text, is_complete))

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
            blocks_from=html[0] if html else UNSET,
            blocks=html[1] if html else UNSET,
        )
        position = publish_now(self._owner_id, event, self._report.job)
        if position:
            self._sent, self._cursor = len(text), str(position)
        return position is not None

    def _html(self, text: str, is_complete: bool) -> Html | None:
        """What is new, unless it is large, or was sent a moment ago."""
        began = time.monotonic()
        if self._blocks is None or (began < self._render_at and not is_complete):
            return None
        first, blocks = self._blocks.render(text)
        size = sum(len(block.encode()) for block in blocks)
        pause = max((time.monotonic() - began) / RENDERING, size / HTML_RATE)
        self._render_at = began + pause
        return (first, blocks) if size <= MOST_HTML else None
