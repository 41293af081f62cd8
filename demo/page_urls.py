"""The HTML pages."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from demo import account, views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("settings/", account.settings_page, name="settings"),
    path("settings/part/", account.access_part, name="settings-part"),
    path("settings/password/", account.change_password, name="change-password"),
    path("documents/", include("documents.urls")),
    path("ask/", include("rag.urls")),
    path("chat/", include("chat.urls")),
    path("activity/", views.activity_page, name="activity"),
    path("activity/part/", views.activity_part, name="activity-part"),
    path("activity/rows/", views.activity_rows, name="activity-rows"),
]
