"""fleet's URLs: the device API, then the operator API."""

from django.urls import path

from fleet.api import device

urlpatterns = [
    path("api/devices/enroll", device.Enroll.as_view(), name="enroll"),
    path("api/devices/self/reports", device.Reports.as_view(), name="reports"),
    path("api/devices/self/heartbeat", device.Heartbeat.as_view(), name="heartbeat"),
    # Before the registry's /api/models/{model}: no model may be called "latest".
    path("api/models/latest", device.Latest.as_view(), name="latest"),
]
