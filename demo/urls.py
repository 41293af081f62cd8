from django.contrib import admin
from django.urls import include, path

from demo.api import api
from demo.health import healthz, readyz
from realtime.scrape import metrics

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("", include("demo.page_urls")),
]
