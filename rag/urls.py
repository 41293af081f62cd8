from django.urls import path

from rag import views

app_name = "rag"
urlpatterns = [
    path("", views.ask_page, name="ask"),
    path("past/", views.past_part, name="past-part"),
    path("<uuid:query_id>/", views.query_page, name="query"),
    path("<uuid:query_id>/part/", views.query_part, name="query-part"),
]
