"""Who may call what: every operation of the schema, by every kind of caller."""

import json
from pathlib import Path

import pytest
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from core.api.authentication import Program
from core.roles import Role
from tests import fleet_rows

pytestmark = pytest.mark.django_db

SCHEMA = Path(__file__).parents[1] / "contract" / "openapi.json"
CALLERS = ("nobody", "device", "viewer", "ml_engineer", "operator", "admin")
ROLES = {"viewer", "ml_engineer", "operator", "admin"}
READ, MODELS, FLEET, ADMINISTRATION = ROLES, {"ml_engineer", "admin"}, {"operator", "admin"}, {"admin"}
DEVICE, OPEN = {"device"}, set(CALLERS)

VERSION = "/api/models/{model}/versions/{version}"
VARIANT = VERSION + "/variants/{target}"
ROLLOUT = "/api/rollouts/{rollout_id}"
DEVICE_PATH = "/api/devices/{device_id}"
MAY = {
    ("post", "/api/devices/enroll"): OPEN,
    ("get", "/api/models/latest"): DEVICE,
    ("post", "/api/devices/self/reports"): DEVICE,
    ("post", "/api/devices/self/heartbeat"): DEVICE,
    ("post", "/api/ingest"): DEVICE,
    ("get", "/api/models"): READ,
    ("post", "/api/models"): MODELS,
    ("get", "/api/models/{model}"): READ,
    ("patch", "/api/models/{model}"): MODELS,
    ("delete", "/api/models/{model}"): MODELS,
    ("get", "/api/models/{model}/versions"): READ,
    ("post", "/api/models/{model}/versions"): MODELS,
    ("get", VERSION): READ,
    ("delete", VERSION): MODELS,
    ("post", f"{VERSION}/baseline"): MODELS,
    ("post", f"{VERSION}/variants"): MODELS,
    ("post", f"{VARIANT}/rebuild"): MODELS,
    ("get", f"{VARIANT}/download"): READ,
    ("get", f"{VARIANT}/manifest"): READ,
    ("get", f"{VARIANT}/signature"): READ,
    ("get", "/api/models/{model}/channels"): READ,
    ("get", "/api/models/{model}/channels/{channel}"): READ,
    ("put", "/api/models/{model}/channels/{channel}"): FLEET,
    ("get", "/api/enrollment-keys"): READ,
    ("post", "/api/enrollment-keys"): FLEET,
    ("delete", "/api/enrollment-keys/{key_id}"): FLEET,
    ("get", "/api/devices"): READ,
    ("get", DEVICE_PATH): READ,
    ("patch", DEVICE_PATH): FLEET,
    ("delete", DEVICE_PATH): FLEET,
    ("get", f"{DEVICE_PATH}/resolve"): READ,
    **{("post", f"{DEVICE_PATH}/{verb}"): FLEET for verb in ("accept", "revoke", "rotate-token", "pin", "unpin")},
    ("get", "/api/rollouts"): READ,
    ("post", "/api/rollouts"): FLEET,
    ("post", "/api/rollouts/preview"): FLEET,
    ("get", ROLLOUT): READ,
    **{("post", f"{ROLLOUT}/{verb}"): FLEET for verb in ("start", "pause", "resume", "advance", "abort", "roll-back")},
    ("get", "/api/drift"): READ,
    ("get", "/api/drift/series"): READ,
    ("get", "/api/drift/devices"): READ,
    ("get", "/api/alerts"): READ,
    ("post", "/api/alerts/{alert_id}/acknowledge"): FLEET,
    ("post", "/api/alerts/{alert_id}/resolve"): FLEET,
    ("get", "/api/audit"): ADMINISTRATION,
    ("get", "/api/tokens"): ADMINISTRATION,
    ("post", "/api/tokens"): ADMINISTRATION,
    ("delete", "/api/tokens/{token_id}"): ADMINISTRATION,
    ("get", "/api/targets"): READ,
    ("get", "/api/recipes"): READ,
    ("get", "/api/signing-keys"): OPEN,
}
NOT_IN_THE_SCHEMA = {
    ("get", "/api/schema"): OPEN,
    ("get", "/livez"): OPEN,
    ("get", "/readyz"): OPEN,
    ("get", "/metrics"): READ,
}
# Things that do not exist: who may call gets as far as 404 or 400, and nothing is changed under the next caller.
NAMES = {
    "model": "nothing",
    "version": "9.9.9",
    "target": "generic-cpu",
    "channel": "nowhere",
    "device_id": "nobody",
    "key_id": "4711",
    "alert_id": "4711",
    "token_id": "4711",
    "rollout_id": "00000000-0000-4000-8000-000000000000",
}


@pytest.fixture
def callers(api):
    """A client for each kind of caller."""
    found = {role: api(role) for role in ROLES} | {"nobody": api(), "device": api()}
    fleet_rows.make_model()
    device = fleet_rows.DeviceClient(found["device"], fleet_rows.make_device("edge-1"))
    found["device"].credentials(**device.headers)
    return found


def test_the_table_has_every_operation_of_the_schema():
    paths = json.loads(SCHEMA.read_text())["paths"]
    verbs = {"get", "post", "put", "patch", "delete"}
    assert {(verb, path) for path, item in paths.items() for verb in verbs & set(item)} == set(MAY)


@pytest.mark.parametrize(("verb", "path"), [*MAY, *NOT_IN_THE_SCHEMA])
def test_only_those_may_call_who_are_named(callers, verb, path):
    allowed = (MAY | NOT_IN_THE_SCHEMA)[verb, path]
    query = "?device_id=edge-1" if path == "/api/models/latest" else ""
    for name in CALLERS:
        answer = getattr(callers[name], verb)(path.format(**NAMES) + query, format="json")
        if name in allowed:
            assert answer.status_code not in {401, 403}, name
        elif name in ROLES and allowed != DEVICE:
            assert (answer.status_code, answer.json()["code"]) == (403, "role_forbids"), name
            assert answer.json()["required_roles"] == sorted(allowed), name
        else:
            assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), name
            assert answer["Content-Type"] == "application/problem+json", name


def test_a_view_without_an_area_is_refused_to_all():
    class Forgotten(APIView):
        """A view whose author forgot to name its area."""

    request = APIRequestFactory().get("/")
    force_authenticate(request, user=Program(token_id=1, name="ci", role=Role.ADMIN))
    assert Forgotten.as_view()(request).status_code == 403
