"""analytics's URLs."""

from django.urls import URLPattern, path

from analytics.api import drift

urlpatterns: list[URLPattern] = [
    path("api/drift", drift.Drift.as_view(), name="drift"),
    path("api/drift/series", drift.DriftSeries.as_view(), name="drift-series"),
    path("api/drift/devices", drift.DriftDevices.as_view(), name="drift-devices"),
]
