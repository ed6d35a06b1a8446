import pytest

from registry.models import Blob, Job, ModelVersion, RegisteredModel, Variant
from registry.states import JobStatus, VariantStatus, VersionStatus

pytestmark = pytest.mark.django_db

URL = "/api/models/digits/versions/1.0.0"


@pytest.fixture(autouse=True)
def version(db):
    model = RegisteredModel.objects.create(slug="digits")
    source = Blob.objects.create(sha256="0" * 64, size=400)
    version = ModelVersion.objects.create(
        model=model, number="1.0.0", source=source, status=VersionStatus.READY, created_by="t", targets=["generic-cpu"]
    )
    file = Blob.objects.create(sha256="a" * 64, size=100)
    common = {"version": version, "target": "generic-cpu"}
    Variant.objects.create(
        **common,
        recipe="static-int8",
        recipe_digest="d" * 64,
        rank=0,
        status=VariantStatus.READY,
        file=file,
        manifest=Blob.objects.create(sha256="b" * 64, size=10),
        signature=Blob.objects.create(sha256="c" * 64, size=10),
        filename="model.onnx",
        format="onnx",
        measurements={"agreement": 0.99},
        measured_on="x86_64",
    )
    Variant.objects.create(
        **common,
        recipe="fp32-optimized",
        recipe_digest="e" * 64,
        rank=2,
        status=VariantStatus.REJECTED,
        reason="Too big.",
    )
    return version


def test_every_attempt_is_shown_and_the_offered_one_is_marked(api):
    ready, rejected = api("viewer").get(URL).json()["variants"]
    assert ready == {
        "id": Variant.objects.get(status=VariantStatus.READY).pk,
        "target": "generic-cpu",
        "preset": "balanced",
        "status": "ready",
        "reason": "",
        "warnings": [],
        "is_default": True,
        "recipe": "static-int8",
        "format": "onnx",
        "sha256": "a" * 64,
        "size": 100,
        "size_ratio": 4.0,
        "measured_on": "x86_64",
        "measurements": ready["measurements"],
    }
    assert ready["measurements"]["agreement"] == 0.99
    assert set(ready["measurements"]) == {
        "agreement",
        "sqnr_db",
        "accuracy_before",
        "accuracy_after",
        "latency_p50_ms",
        "latency_p95_ms",
        "source_latency_p50_ms",
        "peak_memory_bytes",
        "seconds",
        "latency_p99_ms",
        "inferences_per_second",
        "speed_ratio",
        "source_peak_memory_bytes",
        "metric",
        "judged_on",
        "judged_samples",
        "accuracy_per_class",
    }
    assert (rejected["status"], rejected["is_default"], rejected["reason"]) == ("rejected", False, "Too big.")


@pytest.mark.parametrize(("part", "digest"), [("download", "a"), ("manifest", "b"), ("signature", "c")])
def test_the_three_files_are_redirects_to_signed_addresses(api, part, digest):
    answer = api("viewer").get(f"{URL}/variants/generic-cpu/{part}")
    assert answer.status_code == 302
    assert digest * 64 in answer["Location"]
    assert api().get(f"{URL}/variants/generic-cpu/{part}").status_code == 401


def test_manifest_and_signature_are_of_the_highest_schema_unless_another_one_is_named(api):
    client, url = api("viewer"), f"{URL}/variants/generic-cpu"
    missing = client.get(f"{url}/manifest?schema=2")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_manifest")
    newer = {
        f"{part}_schema_2": Blob.objects.create(sha256=letter * 64, size=10)
        for part, letter in (("manifest", "7"), ("signature", "8"))
    }
    Variant.objects.filter(status=VariantStatus.READY).update(**newer)
    for query, manifest, signature in (("", "7", "8"), ("?schema=2", "7", "8"), ("?schema=1", "b", "c")):
        assert manifest * 64 in client.get(f"{url}/manifest{query}")["Location"]
        assert signature * 64 in client.get(f"{url}/signature{query}")["Location"]
    assert client.get(f"{url}/manifest?schema=3").status_code == 400


def test_a_target_without_a_variant_is_given_its_fall_back(api):
    assert api("viewer").get(f"{URL}/variants/rk3588/download").status_code == 302


def test_what_is_not_ready_or_not_there_is_404(api):
    client = api("viewer")
    assert client.get(f"{URL}/variants/generic-cpu/download?recipe=static-int8").status_code == 302
    unready = client.get(f"{URL}/variants/generic-cpu/download?recipe=fp32-optimized")
    assert (unready.status_code, unready.json()["code"]) == (404, "no_ready_variant")
    unknown = client.get(f"{URL}/variants/toaster/download")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_target")


def test_more_targets_are_queued_while_the_version_stays_ready(api):
    client = api("ml_engineer")
    answer = client.post(f"{URL}/variants", {"targets": ["rk3588", "generic-cpu"]}, format="json")
    assert (answer.status_code, answer.json()["status"]) == (202, "ready")
    assert [(job.target, job.kind) for job in Job.objects.all()] == [("rk3588", "build")]
    assert ("rk3588", "queued") in [(row["target"], row["status"]) for row in answer.json()["variants"]]
    assert client.post(f"{URL}/variants", {"targets": ["rk3588"]}, format="json").status_code == 202
    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    "body", [{}, {"targets": []}, {"targets": ["toaster"]}, {"targets": "x"}, {"target": ["rk3588"]}]
)
def test_malformed_targets_are_400(api, body):
    assert api("ml_engineer").post(f"{URL}/variants", body, format="json").status_code == 400


def test_a_rebuild_is_queued_once(api):
    client = api("ml_engineer")
    for _ in range(2):
        assert client.post(f"{URL}/variants/generic-cpu/rebuild").status_code == 202
    assert Job.objects.exclude(status=JobStatus.DONE).count() == 1
    refused = client.post(f"{URL}/variants/rk3588/rebuild")
    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_build")


def test_a_rejected_version_builds_nothing_more(api):
    ModelVersion.objects.update(status=VersionStatus.REJECTED)
    for path, body in (("variants", {"targets": ["rk3588"]}), ("variants/generic-cpu/rebuild", {})):
        assert api("ml_engineer").post(f"{URL}/{path}", body, format="json").status_code == 409


def test_other_roles_do_not_build(api):
    for path in ("variants", "variants/generic-cpu/rebuild"):
        assert api("operator").post(f"{URL}/{path}", {"targets": ["rk3588"]}, format="json").status_code == 403


def test_all_recipes_are_built_side_by_side_for_all_targets_or_for_those_named(api, version):
    client = api("ml_engineer")
    assert client.post(f"{URL}/variants", {"recipes": "all"}, format="json").status_code == 202
    assert list(version.jobs.values_list("target", "builds_all_recipes")) == [("generic-cpu", True)]
    other = client.post(f"{URL}/variants", {"recipes": "all", "targets": ["rk3588"]}, format="json")
    assert (other.status_code, other.json()["code"]) == (409, "cannot_build")
    assert client.post(f"{URL}/variants", {"recipes": "some"}, format="json").status_code == 400


def test_another_preset_is_built_beside_the_versions_own(api, version):
    client = api("ml_engineer")
    answer = client.post(f"{URL}/variants", {"targets": ["generic-cpu"], "preset": "exact"}, format="json")
    assert answer.status_code == 202
    assert list(version.jobs.values_list("target", "preset")) == [("generic-cpu", "exact")]
    assert [build["preset"] for build in answer.json()["builds"]] == ["exact"]
    refused = client.post(f"{URL}/variants", {"targets": ["generic-cpu"], "preset": "tiny"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "preset_not_built")
    ModelVersion.objects.update(status=VersionStatus.VERIFYING)
    early = client.post(f"{URL}/variants", {"targets": ["generic-cpu"], "preset": "exact"}, format="json")
    assert (early.status_code, early.json()["code"]) == (409, "cannot_build")
