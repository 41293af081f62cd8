"""Conversations, for looking."""

from django.contrib import admin

from chat.models import ChatSession, Message, Source, ToolCall, ToolPermission
from realtime.admin import ReadOnlyAdmin


@admin.register(ChatSession)
class ChatSessionAdmin(ReadOnlyAdmin):
    list_display = ("title", "owner", "model", "use_documents", "updated_at")
    list_select_related = ("owner",)
    search_fields = ("id", "title", "owner__username")
    raw_id_fields = ("leaf",)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("session", "role", "job", "model", "completion_tokens", "created_at")
    list_filter = ("role", "job__status")
    list_select_related = ("session", "job")
    search_fields = ("id", "session__id", "session__owner__username")


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    list_display = ("message", "rank", "document_name", "page", "score")
    list_select_related = ("message",)


@admin.register(ToolCall)
class ToolCallAdmin(ReadOnlyAdmin):
    list_display = ("name", "server_name", "status", "message", "asked_at", "finished_at")
    list_filter = ("status", "server_name")
    list_select_related = ("message",)


@admin.register(ToolPermission)
class ToolPermissionAdmin(ReadOnlyAdmin):
    list_display = ("tool", "server_name", "owner", "created_at")
    list_select_related = ("owner",)
