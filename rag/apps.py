from django.apps import AppConfig


class RagConfig(AppConfig):
    name = "rag"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now can models be imported.
        from documents.signals import replaced  # noqa: PLC0415
        from rag.ask import follow_version  # noqa: PLC0415
        from rag.events import (  # noqa: PLC0415
            answers_being_written,
            rag_progress,
            reindex_progress,
        )
        from realtime import jobs, snapshot  # noqa: PLC0415

        snapshot.contribute("messages", answers_being_written)
        jobs.register(jobs.Kind("rag.answer", "interactive", rag_progress))
        jobs.register(jobs.Kind("rag.reindex", "documents", reindex_progress))
        replaced.connect(follow_version, dispatch_uid="rag.ask")
