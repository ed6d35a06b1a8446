import pytest

from core.models import AuditEntry
from registry.models import ModelVersion, Offer, Variant
from registry.states import VariantStatus, VersionStatus
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

REASON = {"reason": "The camera is dark at night, and the samples are from there."}


@pytest.fixture
def suspect():
    variant = rows.make_variant(rows.make_version("1.0.0"), "rk3588", recipe="static-int8")
    variant.status, variant.reason = VariantStatus.SUSPECT_CALIBRATION, "Confidences differ by 0.71."
    variant.save()
    return variant


def accept(client, variant_id, body=REASON):
    return client.post(
        f"/api/models/digits/versions/1.0.0/variants/{variant_id}/accept-calibration", body, format="json"
    )


def test_a_person_vouches_for_the_samples_and_the_variant_is_ready(api, suspect):
    answer = accept(api("ml_engineer"), suspect.pk)
    assert answer.status_code == 200
    assert (suspect.pk, "ready") in [(row["id"], row["status"]) for row in answer.json()["variants"]]
    entry = AuditEntry.objects.get(action="accept_calibration")
    assert entry.before["status"] == "suspect_calibration"
    assert (entry.after["reason"], entry.after["doubts"]) == (REASON["reason"], suspect.reason)
    assert accept(api("ml_engineer"), suspect.pk).status_code == 200
    assert AuditEntry.objects.filter(action="accept_calibration").count() == 1


def test_no_device_is_given_the_variant_before_an_act(api, suspect):
    rows.point("stable", suspect.version)
    device = rows.DeviceClient(api(), rows.make_device("edge-1", target="rk3588"))
    before = device.poll().json()
    accept(api("ml_engineer"), suspect.pk)
    assert device.poll().status_code == 304
    assert before["target"] == "generic-cpu"
    assert suspect.pk not in Offer.objects.get(target="rk3588").variant_ids


@pytest.mark.parametrize("status", sorted({*VariantStatus} - {"ready", "suspect_calibration", "queued", "building"}))
def test_nothing_else_is_made_ready_by_a_persons_word(api, suspect, status):
    Variant.objects.filter(pk=suspect.pk).update(status=status)
    refused = accept(api("ml_engineer"), suspect.pk)
    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_accept_calibration")


def test_without_a_signed_file_or_on_a_version_that_is_over_it_is_refused(api, suspect):
    Variant.objects.filter(pk=suspect.pk).update(signature=None, signature_schema_2=None)
    assert accept(api("ml_engineer"), suspect.pk).status_code == 409
    Variant.objects.filter(pk=suspect.pk).update(signature=rows.blob("s"))
    ModelVersion.objects.update(status=VersionStatus.REJECTED)
    assert accept(api("ml_engineer"), suspect.pk).status_code == 409


def test_a_reason_is_needed_and_an_operator_is_refused(api, suspect):
    assert accept(api("ml_engineer"), suspect.pk, {}).status_code == 400
    assert accept(api("operator"), suspect.pk).status_code == 403
    missing = accept(api("ml_engineer"), 999)
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_variant")
