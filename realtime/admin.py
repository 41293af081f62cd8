"""Jobs and waiting events, for looking; with Retry and Cancel on jobs."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from realtime import jobs
from realtime.models import IdempotentRequest, Job, OutboxEvent


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
