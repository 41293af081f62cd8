"""A run's output on its way: first into its log, then to its owner's tabs. Whoever comes late finds
in the log everything that anybody was told.

Belongs to the worker's loop. Of what is kept the middle is dropped when it is over 1 MiB.
"""

import asyncio
import time
from collections import deque

from django.db.models import F, Sum, Value
from django.db.models.functions import Concat, Length
from msgspec.json import encode

from mcp_install.events import McpInstallProgress, Stage
from mcp_install.models import Installation, InstallationLog
from realtime.background import in_stream, in_thread
from realtime.publish import publish_now
from realtime.work import Report

FLUSH_SECONDS = 0.05
PIECE = 8 * 1024  # characters that are told at once
RATE = 512 * 1024  # bytes a second that a host may print; it waits when it prints faster
BURST_SECONDS = 0.1  # for which it may
MOST_PENDING = 4 * PIECE
MOST_JSON = 14 * 1024  # bytes of a piece as JSON, in an event, which holds 16 KiB
ROW = 16 * 1024  # bytes
HEAD, TAIL = 256 * 1024, 768 * 1024  # bytes that are kept of the beginning and of the end


class Output:
    """`put` text; `flush` it before anything else is told of the run. One writer at a time: the
    caller sees to that. Raises Cancelled and Superseded, as `Report` does."""

    def __init__(self, run: Installation, report: Report) -> None:
        self._run, self._report = run, report
        self._pending = ""
        self._offset = run.log_length
        self._row = self._head_row = 0  # ids of the last row, and of the last of the head
        self._row_size, self._row_stage = 0, ""
        self._tail: deque[tuple[int, int]] = deque()  # rows after the head: id, bytes
        self._kept_head = self._kept_tail = 0
        self._next = self._read_until = 0.0
        self.tail = ""  # the last of it, for words on what went wrong

    async def load(self) -> None:
        """Go on after what earlier attempts left."""
        await in_thread(self._load)

    def _load(self) -> None:
        size = Length("text", function="OCTET_LENGTH")
        for row, count in self._run.log.annotate(size=size).values_list("pk", "size"):
            self._count(row, count)

    def _count(self, row: int, size: int) -> None:
        """Bytes that were added to a row."""
        if row == self._head_row or (not self._tail and self._kept_head + size <= HEAD):
            self._head_row = row
            self._kept_head += size
            return
        before = self._tail.pop()[1] if self._tail and self._tail[-1][0] == row else 0
        self._tail.append((row, before + size))
        self._kept_tail += size

    def put(self, text: str) -> None:
        self._pending += text
        self.tail = (self.tail + text)[-4 * 1024 :]

    @property
    def is_full(self) -> bool:
        return len(self._pending) >= PIECE

    @property
    def wait(self) -> float | None:
        """Seconds until it is to be flushed; None when there is nothing."""
        if not self._pending:
            return None
        due = self._next if not self.is_full else self._next - FLUSH_SECONDS
        return max(0.0, due - time.monotonic())

    async def pace(self, count: int) -> None:
        """After so many bytes were read: wait while the host prints too fast, or what it printed
        cannot be kept."""
        now = time.monotonic()
        self._read_until = max(self._read_until, now) + count / RATE
        await asyncio.sleep(max(0.0, self._read_until - now - BURST_SECONDS))
        while len(self._pending) > MOST_PENDING:
            await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self, progress: int, message: str, *, also_cancelled: bool = False) -> None:
        """Keep and tell what there is, with how the run stands."""
        while self._pending:
            piece = self._pending[: _fitting(self._pending)]
            await in_thread(self._keep, piece, self._offset, also_cancelled)
            await in_stream(self._tell, piece, self._offset, progress, message)
            self._pending = self._pending[len(piece) :]
            self._offset += len(piece)
            self._next = time.monotonic() + FLUSH_SECONDS + len(piece) / RATE

    def _keep(self, piece: str, offset: int, also_cancelled: bool) -> None:
        """Can be done twice."""
        size = len(piece.encode())
        with self._report.fence(also_cancelled=also_cancelled) as job:
            mine = Installation.objects.filter(pk=self._run.pk, log_length=offset)
            if not mine.update(log_length=offset + len(piece)):
                return
            is_same = self._is_extended(piece, size)
            if not is_same:
                row = InstallationLog.objects.create(
                    installation=self._run, offset=offset, attempt=job.attempt,
                    stage=self._report.stage, text=piece,
                )  # fmt: skip
                self._row, self._row_size, self._row_stage = row.pk, 0, row.stage
            dropped = self._dropped_for(size)
        for _ in range(dropped):
            self._kept_tail -= self._tail.popleft()[1]
        self._row_size += size
        self._count(self._row, size)

    def _is_extended(self, piece: str, size: int) -> bool:
        """Was the piece put at the end of the last row?"""
        is_other = self._row_stage != self._report.stage or self._row_size + size > ROW
        is_head = self._row == self._head_row and self._kept_head + size > HEAD
        if not self._row or is_other or is_head:
            return False
        rows = InstallationLog.objects.filter(pk=self._row)
        return bool(rows.update(text=Concat(F("text"), Value(piece))))

    def _dropped_for(self, size: int) -> int:
        """How many rows of the tail were dropped to make room for so many bytes."""
        over, rows = self._kept_tail + size - TAIL, []
        for row, size_of_it in self._tail:
            if over <= 0 or row == self._row:
                break
            rows.append(row)
            over -= size_of_it
        if rows:
            found = InstallationLog.objects.filter(pk__in=rows)
            length = found.aggregate(length=Sum(Length("text")))["length"] or 0
            found.delete()
            runs = Installation.objects.filter(pk=self._run.pk)
            runs.update(log_dropped=F("log_dropped") + length)
        return len(rows)

    def _tell(self, piece: str, offset: int, progress: int, message: str) -> None:
        """A log that does not answer is no harm: who misses a piece asks for it."""
        job = self._report.job
        event = McpInstallProgress(
            install_id=str(self._run.pk),
            stage=_stage(self._report),
            progress=progress,
            message=message[:500],
            output=piece,
            output_offset=offset,
            attempt=job.attempt,
        )
        publish_now(job.owner_id, event, job)


def _stage(report: Report) -> Stage:
    return report.stage or "CONNECTING"  # type: ignore[return-value]


def _fitting(text: str) -> int:
    """How many characters from the beginning fit into one event."""
    end = min(len(text), PIECE)
    while len(encode(text[:end])) > MOST_JSON:
        end //= 2
    return end
