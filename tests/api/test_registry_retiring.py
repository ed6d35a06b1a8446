import pytest
from django.utils import timezone

from core.models import AuditEntry
from fleet.models import Pin
from registry.models import ModelVersion
from registry.states import VersionStatus
from tests import fleet_rows

pytestmark = pytest.mark.django_db

URL = "/api/models/digits/versions/1.0.0"
REASON = {"reason": "Replaced by 2.0.0."}


@pytest.fixture
def version():
    return fleet_rows.make_version("1.0.0")


def retire(client, body=REASON):
    return client.post(f"{URL}/retire", body, format="json")


def test_an_unused_version_retires_with_a_reason(api, version):
    answer = retire(api("ml_engineer"))
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["status_message"]) == ("retired", "Replaced by 2.0.0.")
    entry = AuditEntry.objects.get(action="retire")
    assert (entry.actor, entry.after["reason"]) == ("token:ml_engineer", "Replaced by 2.0.0.")


def test_a_retired_version_is_read_and_never_offered(api, version):
    retire(api("ml_engineer"))
    assert api("viewer").get(f"{URL}/variants/generic-cpu/download").status_code == 302
    moved = api("operator").put("/api/models/digits/channels/stable", {"version": "1.0.0"}, format="json")
    assert (moved.status_code, moved.json()["code"]) == (409, "version_not_offerable")
    built = api("ml_engineer").post(f"{URL}/variants", {"targets": ["rk3588"]}, format="json")
    assert (built.status_code, built.json()["code"]) == (409, "cannot_build")


def test_retiring_again_keeps_the_first_reason(api, version):
    retire(api("ml_engineer"))
    assert retire(api("ml_engineer"), {"reason": "other"}).json()["status_message"] == "Replaced by 2.0.0."
    assert AuditEntry.objects.filter(action="retire").count() == 1


def use_by_channel(version):
    fleet_rows.point("stable", version)


def use_by_rollout(version):
    fleet_rows.point("stable", fleet_rows.make_version("0.9.0"))
    fleet_rows.make_rollout(version)


def use_by_pin(version):
    device = fleet_rows.make_device("edge-1")
    Pin.objects.create(device=device, model=version.model, version=version, release_counter=1)


def use_by_device(version):
    running = [{"model": "digits", "version": "1.0.0", "sha256": "0" * 64}]
    fleet_rows.make_device("edge-1", running=running, last_seen_at=timezone.now())


@pytest.mark.parametrize(
    ("use", "kind"),
    [(use_by_channel, "channel"), (use_by_rollout, "rollout"), (use_by_pin, "pin"), (use_by_device, "device")],
)
def test_a_version_in_use_does_not_retire(api, version, use, kind):
    use(version)
    answer = retire(api("ml_engineer"))
    assert (answer.status_code, answer.json()["code"]) == (409, "version_in_use")
    assert [row["kind"] for row in answer.json()["uses"]] == [kind]
    assert ModelVersion.objects.get(pk=version.pk).status == VersionStatus.READY


@pytest.mark.parametrize("status", [VersionStatus.VERIFYING, VersionStatus.BUILDING, VersionStatus.REJECTED])
def test_only_ready_versions_retire(api, version, status):
    ModelVersion.objects.update(status=status)
    answer = retire(api("ml_engineer"))
    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_retire")


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 1_001}, {"reason": "x", "force": True}])
def test_a_malformed_retirement_is_400(api, version, body):
    assert retire(api("ml_engineer"), body).status_code == 400


def test_open_builds_of_a_retired_version_are_canceled(api, version):
    client = api("ml_engineer")
    client.post(f"{URL}/variants", {"targets": ["rk3588"]}, format="json")
    retire(client)
    assert version.jobs.get().cancelled_at is not None
