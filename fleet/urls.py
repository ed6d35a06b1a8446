"""Addresses of the fleet: the device API, the operator API and the pages."""

from django.urls import path

from fleet.api import device, operator_devices, operator_rollouts
from fleet.rollouts.operator_verbs import OPERATOR_VERBS
from fleet.web import devices, keys, rollouts

urlpatterns = [
    path("api/devices/enroll", device.Enroll.as_view(), name="enroll"),
    path("api/devices/self/reports", device.Reports.as_view(), name="reports"),
    path("api/devices/self/heartbeat", device.Heartbeat.as_view(), name="heartbeat"),
    # Before the registry's /api/models/{model}: no model may be called "latest".
    path("api/models/latest", device.Latest.as_view(), name="latest"),
    path("api/enrollment-keys", operator_devices.EnrollmentKeys.as_view(), name="enrollment-keys"),
    path("api/enrollment-keys/<int:key_id>", operator_devices.EnrollmentKeyView.as_view(), name="enrollment-key"),
    path("api/devices", operator_devices.Devices.as_view(), name="devices"),
    path("api/devices/<str:device_id>", operator_devices.DeviceView.as_view(), name="device"),
    path("api/devices/<str:device_id>/accept", operator_devices.Accept.as_view(), name="device-accept"),
    path("api/devices/<str:device_id>/revoke", operator_devices.Revoke.as_view(), name="device-revoke"),
    path(
        "api/devices/<str:device_id>/rotate-token", operator_devices.RotateToken.as_view(), name="device-rotate-token"
    ),
    path("api/devices/<str:device_id>/pin", operator_devices.PinView.as_view(), name="device-pin"),
    path("api/devices/<str:device_id>/unpin", operator_devices.UnpinView.as_view(), name="device-unpin"),
    path("api/devices/<str:device_id>/resolve", operator_devices.Resolve.as_view(), name="device-resolve"),
    path("api/rollouts", operator_rollouts.Rollouts.as_view(), name="rollouts"),
    path("api/rollouts/preview", operator_rollouts.RolloutPreview.as_view(), name="rollout-preview"),
    path("api/rollouts/<uuid:rollout_id>", operator_rollouts.RolloutView.as_view(), name="rollout"),
    *(
        path(
            f"api/rollouts/<uuid:rollout_id>/{row.verb.slug}",
            operator_rollouts.RolloutVerbView.as_view(verb=row),
            name=f"rollout-{row.verb.slug}",
        )
        for row in OPERATOR_VERBS.values()
    ),
    path("", devices.fleet, name="fleet-page"),
    path("devices/<str:device_id>", devices.device, name="device-page"),
    path("devices/<str:device_id>/accept", devices.accept, name="accept-device"),
    path("devices/<str:device_id>/revoke", devices.revoke, name="revoke-device"),
    path("devices/<str:device_id>/pin", devices.pin, name="pin-device"),
    path("devices/<str:device_id>/unpin", devices.unpin, name="unpin-device"),
    path("enrollment-keys", keys.keys, name="enrollment-keys-page"),
    path("enrollment-keys/new", keys.new_key, name="new-enrollment-key"),
    path("enrollment-keys/<int:key_id>/revoke", keys.revoke_key, name="revoke-enrollment-key"),
    path("rollouts", rollouts.index, name="rollouts-page"),
    path("rollouts/new", rollouts.new, name="new-rollout"),
    path("rollouts/<uuid:rollout_id>", rollouts.rollout, name="rollout-page"),
    path("rollouts/<uuid:rollout_id>/<str:name>", rollouts.act, name="act-on-rollout"),
]
