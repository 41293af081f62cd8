"""The HTML pages."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from demo import views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("documents/", include("documents.urls")),
    path("ask/", include("rag.urls")),
    path("activity/", views.activity_page, name="activity"),
    path("activity/part/", views.activity_part, name="activity-part"),
    path("activity/rows/", views.activity_rows, name="activity-rows"),
]
