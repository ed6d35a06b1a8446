"""The URLs of analytics: the API first, then the pages."""

from django.urls import path

from analytics.api import alerts, baselines, drift
from analytics.web import alert_pages, drift_page

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
    path("drift", drift_page.show, name="drift-page"),
    path("drift/baseline", drift_page.make_baseline, name="make-baseline"),
    path("alerts", alert_pages.index, name="alerts-page"),
    path("alerts/<int:alert_id>", alert_pages.alert, name="alert-page"),
    path("alerts/<int:alert_id>/acknowledge", alert_pages.acknowledge, name="acknowledge-alert-page"),
    path("alerts/<int:alert_id>/resolve", alert_pages.resolve, name="resolve-alert-page"),
]
