"""Jobs and waiting events, for looking, with Retry and Cancel on jobs; sessions and tokens, to end
them. Keys, session data and hashes are shown to nobody."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from realtime import jobs
from realtime.models import ApiToken, IdempotentRequest, Job, OutboxEvent, Session


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For rows that only the product itself may change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = (
        "kind", "owner", "status", "stage", "progress", "attempt", "worker", "created_at",
    )  # fmt: skip
    list_filter = ("status", "kind", "stage")
    search_fields = ("id", "subject", "owner__username", "error")
    date_hierarchy = "created_at"
    actions = ("retry", "cancel")

    @admin.action(description="Retry failed and cancelled jobs", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._tell(request, queryset, sum(jobs.retry(job) for job in queryset), "queued again")

    @admin.action(description="Cancel queued and running jobs", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._tell(request, queryset, sum(jobs.cancel(job) for job in queryset), "asked to end")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("realtime.change_job")

    def _tell(self, request: HttpRequest, queryset: QuerySet[Job], done: int, words: str) -> None:
        total = len(queryset)
        level = messages.SUCCESS if done == total else messages.WARNING
        self.message_user(request, f"{done} of {total} jobs were {words}.", level)


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "created_at")


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(ReadOnlyAdmin):
    list_display = ("key", "owner", "status", "created_at")


class EndableAdmin(ReadOnlyAdmin):
    """Rows that may be deleted, which cuts the sockets that rest on them."""

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Session)
class SessionAdmin(EndableAdmin):
    fields = ("public_id", "user", "created_at", "last_seen_at", "expire_date", "user_agent", "ip")
    list_display = ("public_id", "user", "created_at", "last_seen_at", "expire_date")
    search_fields = ("public_id", "user__username")
    actions = ("end_sessions",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """Without those of visitors who have not signed in."""
        return super().get_queryset(request).filter(user__isnull=False)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # ours, in one click
        return actions

    @admin.action(description="End sessions", permissions=["delete"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        ended, _ = queryset.delete()
        self.message_user(request, f"{ended} sessions were ended.", messages.SUCCESS)


@admin.register(ApiToken)
class ApiTokenAdmin(EndableAdmin):
    fields = ("name", "owner", "scopes", "prefix", "created_at", "last_used_at", "expires_at")
    list_display = ("name", "owner", "scopes", "prefix", "created_at", "last_used_at", "expires_at")
    search_fields = ("name", "owner__username")
