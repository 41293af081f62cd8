from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now can models be imported.
        from realtime import jobs, self_test_runs  # noqa: PLC0415

        jobs.register(jobs.Kind(self_test_runs.KIND, "interactive", self_test_runs.event))
