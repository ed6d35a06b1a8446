import pytest

from fleet.models import Deployment
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def stable():
    return rows.point("stable", rows.make_version("1.0.0"))


@pytest.fixture
def device(api, stable):
    return rows.DeviceClient(api(), rows.make_device("edge-1"))


def test_a_device_follows_its_channel_to_the_exact_answer_of_the_contract(device):
    answer = device.poll()
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == [
        "model_id", "version", "sha256", "size", "format", "filename", "download_url", "target", "recipe",
        "manifest_url", "manifest_sha256", "signature_url", "baseline_url", "assignment", "policy", "poll_after_s",
    ]  # fmt: skip
    assert (body["model_id"], body["version"], body["target"]) == ("digits", "1.0.0", "generic-cpu")
    assert list(body["assignment"]) == ["attempt_id", "rollout_id", "reason", "release_counter", "expires_at", "dsse"]
    assert body["assignment"]["reason"] == "channel stable"
    assert body["policy"] == {"activate": "immediate", "probation_s": 300, "probation_inferences": 50}
    assert answer["Cache-Control"] == "private, no-cache"
    assert answer["X-Poll-After"] == str(body["poll_after_s"])
    assert 270 <= body["poll_after_s"] <= 330


def test_reports_carry_an_attempt_to_confirmed(device):
    assert device.update() == "1.0.0"
    assert Deployment.objects.get().state == "confirmed"
