from django.urls import path

from rag import search_page, views

app_name = "rag"
urlpatterns = [
    path("", views.ask_page, name="ask"),
    path("past/", views.past_part, name="past-part"),
    path("<uuid:query_id>/", views.query_page, name="query"),
    path("search/", search_page.search_page, name="search"),
    path("compare/", views.compare_page, name="compare"),
    path("<uuid:query_id>/again/", views.again, name="again"),
    path("<uuid:query_id>/share/", views.share, name="share"),
    path("<uuid:query_id>/part/", views.query_part, name="query-part"),
]
