from django.apps import AppConfig
from django.core.checks import register


class ChatConfig(AppConfig):
    name = "chat"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now can models be imported.
        from chat import checks, turns  # noqa: PLC0415
        from chat.events import message_status  # noqa: PLC0415
        from chat.sessions import follow_version  # noqa: PLC0415
        from chat.so_far import replies_being_written  # noqa: PLC0415
        from documents.signals import replaced  # noqa: PLC0415
        from realtime import jobs, signals, snapshot  # noqa: PLC0415

        register(checks.tool_provider)
        snapshot.contribute("messages", replies_being_written)
        jobs.register(jobs.Kind(turns.KIND, "interactive", message_status))
        signals.ended.connect(turns.go_on_after, dispatch_uid="chat.turns")
        replaced.connect(follow_version, dispatch_uid="chat.sessions")
