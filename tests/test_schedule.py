from datetime import UTC, datetime, timedelta

import pytest

from demo.schedule import Every

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "is_due"),
    [
        (timedelta(seconds=-5), True),
        (timedelta(seconds=-4), False),
        (timedelta(hours=1), True),  # the clock was set back
    ],
)
def test_a_periodic_task_is_due(last: timedelta, is_due: bool) -> None:
    every = Every(5, nowfun=lambda: NOW)
    assert every.is_due(NOW + last).is_due is is_due
