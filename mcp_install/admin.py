"""Hosts, catalogue, servers and installations, for looking. What lets in is shown to nobody."""

from django.contrib import admin

from mcp_install.models import CatalogServer, Installation, InstallationLog, McpServer, SshHost
from realtime.admin import ReadOnlyAdmin


@admin.register(SshHost)
class SshHostAdmin(ReadOnlyAdmin):
    exclude = ("private_key", "password")
    list_display = (
        "name", "owner", "hostname", "port", "username", "auth_method", "host_key_confirmed_at",
        "error_code", "checked_at",
    )  # fmt: skip
    list_filter = ("auth_method", "error_code")
    list_select_related = ("owner",)
    search_fields = ("id", "name", "hostname", "owner__username")


@admin.register(CatalogServer)
class CatalogServerAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "source", "owner", "status", "is_latest", "published_at")
    list_filter = ("source", "status", "is_latest")
    list_select_related = ("owner",)
    search_fields = ("id", "name", "title", "description")


@admin.register(McpServer)
class McpServerAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "owner",
        "host",
        "directory",
        "state",
        "protocol_version",
        "verified_at",
    )
    list_filter = ("state", "era")
    list_select_related = ("owner", "host")
    search_fields = ("id", "name", "host__name", "owner__username")


@admin.register(Installation)
class InstallationAdmin(ReadOnlyAdmin):
    exclude = ("secrets", "inputs")
    list_display = ("server", "action", "version", "owner", "job", "error_code", "created_at")
    list_filter = ("action", "job__status", "error_code")
    list_select_related = ("server__host", "owner", "job")
    search_fields = ("id", "server__name", "owner__username")
    date_hierarchy = "created_at"


@admin.register(InstallationLog)
class InstallationLogAdmin(ReadOnlyAdmin):
    list_display = ("installation", "offset", "stage", "attempt", "at")
    list_select_related = ("installation__server__host",)
    search_fields = ("installation__id",)
