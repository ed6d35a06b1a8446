"""The URLs of ingest."""

from django.urls import path

from ingest.api.batches import Ingest

urlpatterns = [path("api/ingest", Ingest.as_view(), name="ingest")]
