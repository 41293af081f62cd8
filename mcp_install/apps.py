from django.apps import AppConfig


class McpInstallConfig(AppConfig):
    name = "mcp_install"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now can models be imported.
        from mcp_install import installs, turns  # noqa: PLC0415
        from mcp_install.ask_worker import QUEUE  # noqa: PLC0415
        from mcp_install.events import mcp_install_progress  # noqa: PLC0415
        from realtime import jobs, signals  # noqa: PLC0415

        jobs.register(jobs.Kind(installs.KIND, QUEUE, mcp_install_progress))
        signals.ended.connect(turns.go_on_after, dispatch_uid="mcp_install.turns")
