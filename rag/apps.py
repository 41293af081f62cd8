from django.apps import AppConfig


class RagConfig(AppConfig):
    name = "rag"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now can models be imported.
        from rag.events import rag_progress  # noqa: PLC0415
        from realtime import jobs  # noqa: PLC0415

        jobs.register(jobs.Kind("rag.answer", "interactive", rag_progress))
