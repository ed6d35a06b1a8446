"""The page of a version: its builds, its variants side by side, and the acts on them."""

import pytest

from core.models import AuditEntry
from registry.models import Job, ModelVersion, Offer, Variant
from registry.states import JobStatus, VersionStatus
from tests import fleet_rows

pytestmark = pytest.mark.django_db

PAGE = "/models/digits/1.0.0"
NUMBERS = {
    "size": 100, "agreement": 0.99, "accuracy_before": 0.98, "accuracy_after": 0.96, "latency_p50_ms": 2.0, "latency_p95_ms": 3.0,
    "latency_p99_ms": 4.0, "inferences_per_second": 500, "peak_memory_bytes": 2_000_000, "seconds": 7.5,
    "metric": {"name": "soft_iou", "value": 0.991, "wanted": 0.98}, "parity_on": "evaluation", "parity_samples": 512,
}  # fmt: skip


@pytest.fixture
def version():
    made = fleet_rows.make_version("1.0.0")
    made.targets = ["generic-cpu"]
    made.save()
    return made


@pytest.fixture
def other(version):
    return fleet_rows.make_variant(version, "generic-cpu", recipe="int8-storage", rank=3)


def add_job(version, **fields):
    return Job.objects.create(version=version, kind="build", target="generic-cpu", preset="balanced", **fields)


def read(person, role="admin", page=PAGE):
    return person(role).get(page).content.decode()


def test_a_running_build_shows_its_step_and_its_percentage(person, version):
    job = add_job(version, status=JobStatus.RUNNING, progress="Compressing by static-int8: calibrating", percent=34)
    page = read(person)
    assert "calibrating <strong" in page
    assert "34 %" in page
    assert "every 2s" in page
    assert f"{PAGE}/builds/{job.pk}/cancel" in page
    assert f"{PAGE}/builds/{job.pk}/cancel" not in read(person, "viewer")


def test_the_variants_of_a_target_stand_side_by_side_with_their_numbers(person, version, other):
    Variant.objects.filter(pk=other.pk).update(measurements=NUMBERS, warnings=["It needs 2 MB more."])
    page = read(person)
    for text in (
        "soft iou 0.9910",
        "wanted 0.9800",
        "before 98.0 %",
        "2 ms / 3 ms / 4 ms",
        "7.5 s",
        "512 × evaluation",
    ):
        assert text in page
    assert "It needs 2 MB more." in page
    assert page.count("is-offered") == 1


def test_a_chart_is_there_where_there_are_variants_to_compare(person, version, other):
    Variant.objects.filter(pk=other.pk).update(measurements=NUMBERS)
    assert "<svg" not in read(person)
    Variant.objects.update(measurements=NUMBERS)
    page = read(person, "viewer")
    assert "Size against quality of 2 variants" in page
    assert page.count("<circle") == 2


def test_the_page_says_whose_limits_are_in_force(person, version):
    version.budget = {"max_size_bytes": 10_000}
    version.save()
    page = read(person)
    assert "accuracy loss at most 1.0 percentage points (the preset&#x27;s limit)" in page
    assert "size at most 10 kB (your limit)" in page


def test_the_page_advises_with_the_numbers_of_the_variants(person, version, other):
    Variant.objects.filter(pk=other.pk).update(measurements={**NUMBERS, "size": 10, "accuracy_after": 0.90})
    Variant.objects.filter(recipe="fp32-optimized").update(measurements={**NUMBERS, "accuracy_after": 0.98})
    version.inspection = {"calibration": {"samples": 12, "held_out": 6, "has_labels": True, "classes": 10}}
    version.save()
    page = read(person)
    assert "int8-storage loses 8.0 points; fp32-optimized loses 0.0" in page
    assert "Needs 64 samples, has 12" in page


def test_a_person_cancels_a_build_and_starts_the_build_again(person, version):
    job, browser = add_job(version), person("ml_engineer")
    assert browser.post(f"{PAGE}/builds/{job.pk}/cancel")["Location"] == PAGE
    job.refresh_from_db()
    assert job.status == JobStatus.STOPPED
    assert browser.post(f"{PAGE}/builds/{job.pk}/retry")["Location"] == PAGE
    job.refresh_from_db()
    assert job.status == JobStatus.QUEUED


def test_the_log_of_a_build_is_a_page(person, version):
    job = add_job(version, log="12:00 fetching\n12:01 <b>calibrating</b>")
    browser = person("viewer")
    assert "12:01 &lt;b&gt;calibrating" in browser.get(f"{PAGE}/builds/{job.pk}").content.decode()
    assert browser.get(f"{PAGE}/builds/{job.pk + 1}").status_code == 404


def test_all_methods_are_built_for_one_target_or_for_all(person, version):
    person("ml_engineer").post(f"{PAGE}/all-methods", {"targets": ["generic-cpu"]})
    assert Job.objects.get().builds_all_recipes


def test_offering_a_variant_asks_first_and_says_what_devices_do(person, version, other):
    fleet_rows.point("stable", version)
    browser, address = person("operator"), f"{PAGE}/variants/{other.pk}/offer"
    page = browser.get(address).content.decode()
    assert "live on stable" in page
    answer = browser.post(address, {"revision": "1"})
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert Offer.objects.get(target="generic-cpu").variant_ids[0] == other.pk


def test_an_offer_that_another_person_changed_is_shown_anew(person, version, other):
    fleet_rows.point("stable", version)
    address = f"{PAGE}/variants/{other.pk}/offer"
    answer = person("operator").post(address, {"revision": "9"}, follow=True)
    assert answer.redirect_chain == [(address, 302)]
    assert "revision 1" in answer.content.decode()
    assert Offer.objects.get(target="generic-cpu").variant_ids[0] != other.pk


def test_calibration_is_accepted_with_a_reason(person, version, other):
    Variant.objects.filter(pk=other.pk).update(status="suspect_calibration", reason="Brightness is a fifth.")
    browser, address = person("ml_engineer"), f"{PAGE}/variants/{other.pk}/accept"
    assert address in read(person)
    assert "Brightness is a fifth." in browser.get(address).content.decode()
    assert browser.post(address, {"reason": ""}).status_code == 200
    assert browser.post(address, {"reason": "They are of the night camera."})["Location"] == PAGE
    other.refresh_from_db()
    assert other.status == "ready"
    assert AuditEntry.objects.get(action="accept_calibration").after["reason"] == "They are of the night camera."


def test_acts_on_a_variant_that_is_none_are_not_found(person, version):
    browser = person("admin")
    for act in ("offer", "accept"):
        assert browser.get(f"{PAGE}/variants/999/{act}").status_code == 404


@pytest.mark.parametrize("status", [VersionStatus.REJECTED, VersionStatus.RETIRED])
def test_a_version_that_is_over_offers_no_act(person, version, other, status):
    ModelVersion.objects.update(status=status)
    page = read(person)
    assert "/offer" not in page
    assert "/all-methods" not in page
