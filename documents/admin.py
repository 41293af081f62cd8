"""Documents, for looking; deleting one, and taking one back, go the product's way."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from documents.intake import remove
from documents.models import Batch, Chunk, Collection, Document, Page, Share
from documents.sharing import unshare
from realtime.admin import ReadOnlyAdmin


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = (
        "name", "owner", "status", "media_type", "size", "page_count", "chunk_count", "created_at",
    )  # fmt: skip
    list_filter = ("job__status", "media_type")
    list_select_related = ("owner", "job")
    search_fields = ("id", "name", "owner__username", "sha256")
    date_hierarchy = "created_at"
    actions = ("remove_selected",)

    @admin.action(description="Delete with all that was made of them", permissions=["remove"])
    def remove_selected(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset.select_related("job"):
            remove(document)
        self.message_user(request, "The documents were deleted.")

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("documents.delete_document")


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ("owner", "total", "arrived", "skipped", "refused", "created_at", "ended_at")
    list_select_related = ("owner",)
    search_fields = ("id", "owner__username")


@admin.register(Collection)
class CollectionAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("id", "name", "owner__username")


@admin.register(Share)
class ShareAdmin(ReadOnlyAdmin):
    list_display = ("document", "collection", "user", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("document", "collection", "user")
    search_fields = ("document__id", "document__name", "collection__name", "user__username")
    actions = ("take_back",)

    @admin.action(description="Take back from these people", permissions=["take_back"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Share]) -> None:
        for share in queryset.select_related("document", "collection", "user"):
            if shared := share.document or share.collection:
                unshare(shared, share)
        self.message_user(request, "They were taken back.")

    def has_take_back_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("documents.delete_share")


@admin.register(Page)
class PageAdmin(ReadOnlyAdmin):
    list_display = ("document", "number", "start")
    list_select_related = ("document",)
    search_fields = ("document__id", "document__name")


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyAdmin):
    list_display = ("document", "index", "page", "page_to", "start", "end")
    list_select_related = ("document",)
    search_fields = ("document__id", "document__name", "text")
