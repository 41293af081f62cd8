from django.urls import path

from documents import views

app_name = "documents"
urlpatterns = [
    path("", views.documents_page, name="list"),
    path("part/", views.documents_part, name="list-part"),
    path("rows/", views.rows_part, name="rows-part"),
    path("<uuid:document_id>/", views.document_page, name="document"),
    path("<uuid:document_id>/part/", views.document_part, name="document-part"),
    path("<uuid:document_id>/shares/", views.shares_part, name="shares-part"),
]
