"""The scheduler of periodic tasks."""

from typing import Any

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    """As Celery's. When the clock was set back, the time until the next run begins anew: otherwise
    nothing would run for as long as it was set back."""

    def tick(self, *args: Any, **options: Any) -> float:
        now = self.app.now()
        entries = self.schedule.values()
        ahead = [entry for entry in entries if entry.last_run_at and entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            self.old_schedulers = None  # makes it plan anew
        seconds: float = super().tick(*args, **options)
        return seconds
