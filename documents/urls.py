from django.urls import path

from documents import library, views

app_name = "documents"
urlpatterns = [
    path("", library.documents_page, name="list"),
    path("part/", library.documents_part, name="list-part"),
    path("rows/", library.rows_part, name="rows-part"),
    path("collections/", library.collections_part, name="collections-part"),
    path(
        "collections/<uuid:collection_id>/shares/",
        library.collection_shares_part,
        name="collection-shares-part",
    ),
    path("batches/", library.batches_part, name="batches-part"),
    path("<uuid:document_id>/", views.document_page, name="document"),
    path("<uuid:document_id>/part/", views.document_part, name="document-part"),
    path("<uuid:document_id>/shares/", views.shares_part, name="shares-part"),
]
