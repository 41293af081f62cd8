from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "documents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now can models be imported.
        from documents.access import TOPIC, lent_to, shared_with, who_may_be_there  # noqa: PLC0415
        from documents.batches import tell_after  # noqa: PLC0415
        from documents.events import document_status  # noqa: PLC0415
        from documents.intake import KIND, take_over  # noqa: PLC0415
        from realtime import jobs, signals, topics  # noqa: PLC0415

        audience = jobs.Audience(shared_with, lent_to)
        jobs.register(jobs.Kind(KIND, "documents", document_status, audience, take_over))
        signals.ended.connect(tell_after, dispatch_uid="documents.batches")
        topics.open_kind(TOPIC, who_may_be_there)
