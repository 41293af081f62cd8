"""When periodic tasks are due."""

from datetime import datetime, timedelta

from celery.schedules import schedule


class Every(schedule):
    """So many seconds after the last run, or now if the clock has been set back behind it: with
    Celery's own, nothing would be due for as long as it was set back."""

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        if self.maybe_make_aware(last_run_at) > self.maybe_make_aware(self.now()):
            return timedelta(0)
        return super().remaining_estimate(last_run_at)
