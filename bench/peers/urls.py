"""The URLs of the product and of the peers."""

from django.urls import include, path

from bench.peers import row_per_record

urlpatterns = [
    path("", include("config.urls")),
    path("peer/empty", row_per_record.empty),
    path("peer/ingest", row_per_record.Ingest.as_view()),
]
