from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.beat import Scheduler
from demo.celery import app


class Beat(Scheduler):
    """Sends nothing, and lives by a clock that can be set."""

    producer = None

    def __init__(self, folder: Path) -> None:
        self.sent: list[str] = []
        super().__init__(app, schedule_filename=str(folder / "schedule"))

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.sent.append(entry.task)

    def run(self) -> list[str]:
        """What is due now."""
        self.sent = []
        while not self.tick():
            pass
        return self.sent


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """How far the clock is from the real one; set the one item."""
    offset, real = [timedelta(0)], app.now

    def now() -> datetime:
        return real() + offset[0]

    monkeypatch.setattr(app, "now", now)
    return offset


def test_a_clock_that_is_set_back_stops_nothing(tmp_path: Path, clock: list[timedelta]) -> None:
    beat = Beat(tmp_path)
    assert beat.run() == []
    clock[0] = timedelta(seconds=6)
    assert "realtime.reap" in beat.run()
    clock[0] = timedelta(hours=-2)
    assert beat.run() == []
    clock[0] += timedelta(seconds=6)
    assert "realtime.reap" in beat.run()
    beat.close()


def test_a_clock_that_was_set_back_while_it_was_away_stops_nothing(
    tmp_path: Path, clock: list[timedelta]
) -> None:
    first = Beat(tmp_path)
    first.run()
    first.close()
    clock[0] = timedelta(hours=-2)
    beat = Beat(tmp_path)
    beat.run()
    clock[0] += timedelta(seconds=6)
    assert "realtime.reap" in beat.run()
    beat.close()
