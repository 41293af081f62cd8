from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "documents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now can models be imported.
        from documents.events import document_status  # noqa: PLC0415
        from realtime import jobs  # noqa: PLC0415

        jobs.register(jobs.Kind("documents.process", "documents", document_status))
