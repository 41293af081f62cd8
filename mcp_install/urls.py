from django.urls import path

from mcp_install import catalogue_views, host_views, run_views, server_views, wizard_views

hosts = (
    [
        path("", host_views.hosts_page, name="list"),
        path("part/", host_views.hosts_part, name="list-part"),
        path("add/", host_views.new_host_page, name="new"),
        path("<uuid:host_id>/", host_views.host_page, name="host"),
        path("<uuid:host_id>/part/", host_views.host_part, name="host-part"),
        path("<uuid:host_id>/change/", host_views.edit_host_page, name="edit"),
    ],
    "hosts",
)
servers = (
    [
        path("", server_views.servers_page, name="list"),
        path("part/", server_views.servers_part, name="list-part"),
        path("<uuid:server_id>/", server_views.server_page, name="server"),
        path("<uuid:server_id>/part/", server_views.server_part, name="server-part"),
        path("<uuid:server_id>/upgrade/", server_views.upgrade_page, name="upgrade"),
        path("catalogue/", catalogue_views.catalogue_page, name="catalogue"),
        path("catalogue/<uuid:entry_id>/", catalogue_views.entry_page, name="entry"),
        path("install/<uuid:entry_id>/", wizard_views.wizard_page, name="install"),
        path("install/<uuid:entry_id>/part/", wizard_views.wizard_part, name="install-part"),
        path("runs/<uuid:install_id>/", run_views.run_page, name="run"),
        path("runs/<uuid:install_id>/part/", run_views.run_part, name="run-part"),
    ],
    "servers",
)
