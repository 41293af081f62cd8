"""The HTML pages."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from demo import account, status, views
from mcp_install import urls as mcp

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("settings/", account.settings_page, name="settings"),
    path("settings/part/", account.access_part, name="settings-part"),
    path("settings/password/", account.change_password, name="change-password"),
    path("status/", status.status_page, name="status"),
    path("status/connections/", status.connections_part, name="status-connections"),
    path("status/system/", status.system_part, name="status-system"),
    path("status/tests/", status.tests_part, name="status-tests"),
    path("status/tests/rows/", status.tests_rows, name="status-tests-rows"),
    path("documents/", include("documents.urls")),
    path("ask/", include("rag.urls")),
    path("chat/", include("chat.urls")),
    path("hosts/", include(mcp.hosts)),
    path("servers/", include(mcp.servers)),
    path("activity/", views.activity_page, name="activity"),
    path("activity/part/", views.activity_part, name="activity-part"),
    path("activity/rows/", views.activity_rows, name="activity-rows"),
]
