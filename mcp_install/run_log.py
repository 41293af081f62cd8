"""What a run printed, from any character on, and as a text to keep."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from mcp_install.models import Installation, InstallationLog
from mcp_install.screen import plain

MOST = 256 * 1024  # characters at once
KEPT = timedelta(days=30)  # after the end of the run


@dataclass(frozen=True)
class Piece:
    """`offset` counts the characters before it; `left_out` those that were dropped just before."""

    offset: int
    stage: str
    text: str
    left_out: int


def pieces(run: Installation, after: int = 0) -> Iterator[Piece]:
    """All that is kept after so many characters."""
    rows = run.log.all()
    before = rows.filter(offset__lte=after).order_by("offset").last()
    begin = before.offset if before and before.offset + len(before.text) > after else after
    for row in rows.filter(offset__gte=begin).iterator(chunk_size=20):
        yield _piece(row, after)
        after = row.offset + len(row.text)


def _piece(row: InstallationLog, after: int) -> Piece:
    seen = max(0, after - row.offset)
    begin = row.offset + seen
    return Piece(begin, row.stage, row.text[seen:], begin - after)


def some(run: Installation, after: int) -> tuple[list[Piece], bool]:
    """The next pieces, and whether there are more."""
    found: list[Piece] = []
    length = 0
    for piece in pieces(run, after):
        if length >= MOST:
            return found, True
        found.append(piece)
        length += len(piece.text)
    return found, False


def as_text(run: Installation) -> str:
    """All of it without colours, its bars as they were in the end."""
    told = []
    for piece in pieces(run):
        if piece.left_out:
            told.append(f"\n[{piece.left_out:,} characters were left out here]\n")
        told.append(piece.text)
    return plain("".join(told))


def forget() -> None:
    """Delete what is older than a month."""
    over = Installation.objects.filter(job__finished_at__lt=timezone.now() - KEPT)
    InstallationLog.objects.filter(installation__in=over).delete()
