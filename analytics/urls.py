"""analytics's URLs: drift, alerts, baselines from telemetry."""

from django.urls import path

from analytics.api import alerts, baselines, drift

urlpatterns = [
    path("api/drift", drift.Drift.as_view(), name="drift"),
    path("api/drift/series", drift.DriftSeries.as_view(), name="drift-series"),
    path("api/drift/devices", drift.DriftDevices.as_view(), name="drift-devices"),
    path("api/alerts", alerts.Alerts.as_view(), name="alerts"),
    path("api/alerts/<int:alert_id>/acknowledge", alerts.Acknowledge.as_view(), name="acknowledge-alert"),
    path("api/alerts/<int:alert_id>/resolve", alerts.Resolve.as_view(), name="resolve-alert"),
    path(
        "api/models/<str:model>/versions/<str:version>/baseline", baselines.NewBaseline.as_view(), name="new-baseline"
    ),
]
