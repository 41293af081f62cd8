"""Questions, what was found for them, and the index: for looking."""

from django.contrib import admin

from rag.models import Embedding, EmbeddingModel, Indexed, Passage, Posting, Query
from realtime.admin import ReadOnlyAdmin


class PassageInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Passage
    fields = ("rank", "score", "document_name", "page", "text")
    can_delete = False
    extra = 0


@admin.register(Query)
class QueryAdmin(ReadOnlyAdmin):
    list_display = ("question", "owner", "job", "answered_by", "created_at")
    list_filter = ("job__status", "answered_by")
    list_select_related = ("owner", "job")
    search_fields = ("id", "question", "owner__username")
    date_hierarchy = "created_at"
    inlines = (PassageInline,)


@admin.register(Passage)
class PassageAdmin(ReadOnlyAdmin):
    list_display = ("query", "rank", "document_name", "page", "score")
    list_select_related = ("query",)


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnlyAdmin):
    list_display = ("name", "dimensions", "is_current", "created_at")


@admin.register(Embedding)
class EmbeddingAdmin(ReadOnlyAdmin):
    list_display = ("chunk", "model", "owner")
    list_select_related = ("chunk__document", "model", "owner")
    exclude = ("vector",)


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    list_display = ("term", "document_id", "chunks", "frequencies", "lengths")
    search_fields = ("term__exact",)
    show_full_result_count = False


@admin.register(Indexed)
class IndexedAdmin(ReadOnlyAdmin):
    list_display = ("document", "language", "chunks", "terms", "owner")
    list_select_related = ("owner", "document")
    list_filter = ("language",)
