import pytest

from core.models import AuditEntry
from registry.models import ModelVersion, Offer, Variant
from registry.states import VariantStatus
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

URL = "/api/models/digits/versions/1.0.0/offers"


@pytest.fixture(autouse=True)
def version(db):
    version = rows.make_version("1.0.0", targets=("generic-cpu", "rk3588"))
    rows.make_variant(version, "rk3588", recipe="static-int8", rank=1)
    return version


def variant_of(target: str, recipe: str = "fp32-optimized") -> Variant:
    return Variant.objects.get(target=target, recipe=recipe)


def put(client, variant, *, target="rk3588", **headers):
    body = {"variant": variant.pk if isinstance(variant, Variant) else variant}
    return client.put(f"{URL}/{target}", body, format="json", **headers)


def test_offers_are_listed_once_an_act_has_fixed_them(api, version):
    client = api("viewer")
    assert client.get(URL).json() == {"results": [], "next": None}
    missing = client.get(f"{URL}/rk3588")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_offer")
    rows.point("stable", version)
    found = {row["target"]: row for row in client.get(URL).json()["results"]}
    assert {"generic-cpu", "rk3588", "intel-n100"} <= set(found)
    offer = found["rk3588"]
    assert [(row["target"], row["recipe"]) for row in offer["variants"]] == [
        ("rk3588", "fp32-optimized"),
        ("rk3588", "static-int8"),
        ("generic-cpu", "fp32-optimized"),
    ]
    assert (offer["release_counter"], offer["revision"], offer["etag"]) == (1, 1, '"1"')
    assert client.get(f"{URL}/rk3588")["ETag"] == '"1"'


def test_the_choice_of_another_variant_is_an_act_with_the_next_counter_and_audited(api, version):
    rows.point("stable", version)
    client = api("operator")
    answer = put(client, variant_of("rk3588", "static-int8"), HTTP_IF_MATCH='"1"')
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')
    assert answer.json()["release_counter"] == 2
    assert [row["recipe"] for row in answer.json()["variants"]] == ["static-int8", "fp32-optimized", "fp32-optimized"]
    entry = AuditEntry.objects.get(action="offer")
    assert (entry.object_id, entry.after["recipe"], entry.after["release_counter"]) == (
        "digits 1.0.0",
        "static-int8",
        2,
    )


def test_the_same_head_again_changes_nothing(api, version):
    rows.point("stable", version)
    answer = put(api("operator"), variant_of("rk3588"), HTTP_IF_MATCH='"1"')
    assert (answer.status_code, answer["ETag"], answer.json()["release_counter"]) == (200, '"1"', 1)
    assert not AuditEntry.objects.filter(action="offer").exists()


def test_an_offer_that_exists_needs_its_etag(api, version):
    rows.point("stable", version)
    client, chosen = api("operator"), variant_of("rk3588", "static-int8")
    required = put(client, chosen)
    assert (required.status_code, required.json()["code"], required.json()["etag"]) == (428, "if_match_required", '"1"')
    changed = put(client, chosen, HTTP_IF_MATCH='"7"')
    assert (changed.status_code, changed.json()["code"]) == (412, "offer_changed")
    assert put(client, chosen, HTTP_IF_MATCH="*").status_code == 200


def test_the_first_offer_needs_none(api):
    refused = put(api("operator"), variant_of("rk3588"), HTTP_IF_MATCH='"1"')
    assert (refused.status_code, refused.json()["code"]) == (412, "offer_changed")
    answer = put(api("operator"), variant_of("rk3588", "static-int8"))
    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert [row["recipe"] for row in answer.json()["variants"]] == ["static-int8", "fp32-optimized", "fp32-optimized"]


def test_a_fall_backs_variant_may_go_first_and_a_foreign_one_may_not(api):
    assert put(api("operator"), variant_of("generic-cpu")).status_code == 200
    refused = put(api("operator"), variant_of("rk3588"), target="intel-n100")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "variant")


@pytest.mark.parametrize(
    "body", [{}, {"variant": "x"}, {"variant": 0}, {"variant": 10**15}, {"variant": 10**30}, {"variants": [1]}]
)
def test_a_variant_that_does_not_exist_is_400(api, body):
    assert api("operator").put(f"{URL}/rk3588", body, format="json").status_code == 400


def test_an_unknown_target_is_404(api):
    assert put(api("operator"), 1, target="toaster").status_code == 404
    assert api("viewer").get(f"{URL}/toaster").status_code == 404


def test_an_ml_engineer_does_not_write_offers(api):
    assert put(api("ml_engineer"), variant_of("rk3588")).status_code == 403


@pytest.mark.parametrize(
    ("status", "answered"),
    [
        (VariantStatus.READY, 200),
        (VariantStatus.UNMEASURED, 200),
        (VariantStatus.REJECTED, 409),
        (VariantStatus.FAILED, 409),
        (VariantStatus.SUSPECT_CALIBRATION, 409),
    ],
)
def test_a_person_may_offer_what_could_not_be_measured_and_nothing_that_missed_its_gate(api, status, answered):
    chosen = variant_of("rk3588", "static-int8")
    Variant.objects.filter(pk=chosen.pk).update(status=status)
    answer = put(api("operator"), chosen)
    assert answer.status_code == answered
    assert answered == 200 or answer.json()["code"] == "variant_not_offerable"


def test_a_variant_without_a_signed_file_is_not_offered(api):
    chosen = variant_of("rk3588", "static-int8")
    Variant.objects.filter(pk=chosen.pk).update(
        status=VariantStatus.UNMEASURED, signature=None, signature_schema_2=None
    )
    assert put(api("operator"), chosen).json()["code"] == "variant_not_offerable"


def test_a_version_in_quarantine_has_no_new_offer(api):
    ModelVersion.objects.update(quarantined_at="2026-01-01T00:00:00Z", quarantine_reason="bad")
    refused = put(api("operator"), variant_of("rk3588"))
    assert (refused.status_code, refused.json()["code"]) == (409, "version_not_offerable")


def test_the_download_is_the_offered_variant_and_the_version_marks_it(api, version):
    rows.point("stable", version)
    chosen = variant_of("rk3588", "static-int8")
    put(api("operator"), chosen, HTTP_IF_MATCH='"1"')
    client = api("viewer")
    assert chosen.file_id in client.get("/api/models/digits/versions/1.0.0/variants/rk3588/download")["Location"]
    shown = client.get("/api/models/digits/versions/1.0.0").json()["variants"]
    marked = [(row["id"], row["is_default"]) for row in shown if row["target"] == "rk3588"]
    assert marked == [(variant_of("rk3588").pk, False), (chosen.pk, True)]


def test_a_device_is_given_the_chosen_variant_with_the_acts_counter(api, client, version):
    rows.point("stable", version)
    device = rows.DeviceClient(client, rows.make_device("edge-1", target="rk3588"))
    first = device.poll().json()
    put(api("operator"), variant_of("rk3588", "static-int8"), HTTP_IF_MATCH='"1"')
    then = device.poll().json()
    assert (first["recipe"], then["recipe"]) == ("fp32-optimized", "static-int8")
    assert then["assignment"]["release_counter"] > first["assignment"]["release_counter"]
    assert then["assignment"]["attempt_id"] != first["assignment"]["attempt_id"]
    assert Offer.objects.get(version=version, target="rk3588").variant_ids[0] == variant_of("rk3588", "static-int8").pk
