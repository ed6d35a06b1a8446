import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.models import AuditEntry
from registry.models import Baseline, Blob, Job, ModelVersion, RegisteredModel
from registry.states import VersionStatus

pytestmark = pytest.mark.django_db

URL = "/api/models/digits/versions"
RECORD = {"timestamp": 1, "latency_ms": 2.0, "model_version": "1.0.0", "confidence": 0.9, "class_id": 3}


def part(data=b"some bytes of a model", name="model.onnx"):
    return SimpleUploadedFile(name, data)


def post(client, *, number="1.0.0", data=b"some bytes of a model", **fields):
    return client.post(URL, {"file": part(data), "version": number, **fields}, format="multipart")


def test_an_upload_makes_the_model_and_waits_to_be_verified(api):
    answer = post(api("ml_engineer"))
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["model"], shown["version"], shown["status"]) == ("digits", "1.0.0", "verifying")
    assert shown["size"] == 21
    assert [(row["target"], row["status"], row["recipe"]) for row in shown["variants"]] == [
        ("generic-cpu", "queued", None)
    ]
    assert shown["variants"][0]["measurements"]["agreement"] is None
    assert shown["progress"] == "Waiting for a builder to check the upload."
    assert Job.objects.get().kind == "verify"
    assert AuditEntry.objects.filter(action="upload", object_id="digits 1.0.0", actor="token:ml_engineer").exists()


def test_the_same_bytes_again_are_the_same_version(api):
    client = api("ml_engineer")
    assert post(client).status_code == 201
    assert post(client).status_code == 200
    assert (ModelVersion.objects.count(), Job.objects.count()) == (1, 1)


def test_other_bytes_under_the_same_number_are_a_conflict(api):
    client = api("ml_engineer")
    post(client)
    answer = post(client, data=b"others")
    assert (answer.status_code, answer.json()["code"]) == (409, "version_exists")
    assert Blob.objects.count() == 1


def test_a_rejected_version_is_replaced_by_other_bytes(api):
    client = api("ml_engineer")
    post(client)
    ModelVersion.objects.update(status=VersionStatus.REJECTED)
    assert post(client).status_code == 200
    assert post(client, data=b"others").status_code == 201
    assert ModelVersion.objects.get().status == VersionStatus.VERIFYING


def test_a_rejected_version_is_replaced_by_the_same_bytes_with_other_calibration(api):
    client = api("ml_engineer")
    post(client)
    ModelVersion.objects.update(status=VersionStatus.REJECTED)
    assert post(client, calibration=part(b"samples", "calibration.npz")).status_code == 201


def test_the_whole_form_is_kept(api):
    wishes = {
        "metadata": {"shapes": {"image": [1, 3, 8, 8]}, "task": {"kind": "classification"}},
        "budget": {"max_accuracy_loss": 0.02},
    }
    fields = {name: json.dumps(value) for name, value in wishes.items()}
    answer = post(api("ml_engineer"), evaluation=part(b"samples", "evaluation.npz"), preset="exact", **fields)
    shown = answer.json()
    assert (answer.status_code, shown["preset"], shown["budget"], shown["has_evaluation"], shown["ignored"]) == (
        201, "exact", {"max_accuracy_loss": 0.02}, True, [],
    )  # fmt: skip
    assert shown["metadata"] == wishes["metadata"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("preset", "small", "preset_not_built"),
        ("preset", "huge", "invalid"),
        ("budget", "[]", "invalid"),
        ("metadata", '{"shapes": {"image": [0]}}', "invalid_metadata"),
        ("metadata", '{"task": {"kind": "guessing"}}', "invalid_metadata"),
        ("evaluation", part(b""), "invalid"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(api, field, value, code):
    answer = post(api("ml_engineer"), **{field: value})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert answer.json()["code"] in {code, "invalid"}


def test_new_targets_of_the_same_upload_are_built_and_the_answer_names_what_was_ignored(api):
    client = api("ml_engineer")
    post(client)
    samples = {name: part(name.encode(), f"{name}.npz") for name in ("calibration", "evaluation")}
    baseline = part(json.dumps(RECORD).encode(), "baseline.jsonl")
    fields = {
        "budget": '{"max_size_bytes": 1}',
        "preset": "exact",
        "metadata": '{"note": 1}',
        "targets": ["generic-cpu", "intel-n100"],
    }
    answer = post(client, baseline=baseline, **samples, **fields)
    assert answer.status_code == 200
    assert answer.json()["ignored"] == ["calibration", "evaluation", "baseline", "metadata", "budget", "preset"]
    assert answer.json()["targets"] == ["generic-cpu", "intel-n100"]


def test_a_retired_version_gets_no_new_targets(api):
    client = api("ml_engineer")
    post(client)
    ModelVersion.objects.update(status=VersionStatus.RETIRED)
    answer = post(client, targets=["intel-n100"])
    assert (answer.status_code, answer.json()["ignored"], answer.json()["targets"]) == (
        200,
        ["targets"],
        ["generic-cpu"],
    )


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_write_models_is_told_who_may(api, role):
    answer = post(api(role))
    assert answer.status_code == 403
    assert answer.json()["required_roles"] == ["admin", "ml_engineer"]


def test_nobody_uploads_without_a_token(api):
    assert post(api()).status_code == 401


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"number": "1.0"}, "version"),
        ({"number": "1.0.0+" + "b" * 100}, "version"),
        ({"targets": ["toaster"]}, "targets"),
        ({"data": b""}, "file"),
        ({"metadata": "{"}, "metadata"),
        ({"metadata": "[]"}, "metadata"),
        ({"metadata": json.dumps({"labels": [1]})}, "metadata"),
        ({"metadata": json.dumps({"note": "\0"})}, "metadata"),
        ({"metadata": "NaN"}, "metadata"),
        ({"nonsense": "1"}, "nonsense"),
    ],
)
def test_what_cannot_be_used_is_named_and_leaves_nothing(api, fields, field):
    answer = post(api("ml_engineer"), **fields)
    assert answer.status_code == 400, answer.json()
    assert field in [row["field"] for row in answer.json()["errors"]]
    assert not RegisteredModel.objects.exists()
    assert not Blob.objects.exists()


def test_a_baseline_line_that_is_no_record_is_named_by_its_number(api):
    lines = json.dumps(RECORD) + "\n{}\n"
    answer = post(api("ml_engineer"), baseline=part(lines.encode(), "baseline.jsonl"))
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_records")
    assert answer.json()["errors"][0]["field"] == "baseline"
    assert "Line 2" in answer.json()["detail"]


def test_a_baseline_given_with_the_upload_is_in_force_at_once(api):
    answer = post(api("ml_engineer"), baseline=part(json.dumps(RECORD).encode(), "baseline.jsonl"))
    assert answer.status_code == 201
    baseline = Baseline.objects.get()
    assert (baseline.samples, baseline.came_with_version) == (1, True)
    assert baseline.statistics["classes"] == {"3": 1}
    assert baseline.statistics["id"] == str(baseline.pk)


def test_metadata_may_be_a_file(api):
    answer = post(api("ml_engineer"), metadata=part(b'{"labels": ["a"]}', "metadata.json"))
    assert answer.json()["metadata"] == {"labels": ["a"]}


def test_several_targets_keep_their_order(api):
    answer = post(api("ml_engineer"), targets=["rk3588", "generic-cpu", "rk3588"])
    assert answer.json()["targets"] == ["rk3588", "generic-cpu"]


def test_a_model_name_that_breaks_the_rule_is_refused(api):
    for name in ("latest", "Digits", "-a"):
        answer = api("ml_engineer").post(
            f"/api/models/{name}/versions", {"file": part(), "version": "1.0.0"}, format="multipart"
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_name"), name


def test_an_upload_over_the_cap_is_413_and_leaves_nothing(api, settings):
    settings.MAX_UPLOAD_BYTES = 1000
    answer = post(api("ml_engineer"), data=b"x" * 5000)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.glob("*.upload*"))


def test_json_is_no_upload(api):
    assert api("ml_engineer").post(URL, {"version": "1.0.0"}, format="json").status_code == 415


def test_versions_are_listed_newest_first_in_pages_with_a_fixed_number_of_queries(api, django_assert_max_num_queries):
    client = api("ml_engineer")
    for number in range(3):
        post(client, number=f"1.0.{number}", data=b"bytes %d" % number)
    with django_assert_max_num_queries(6):
        page = client.get(URL, {"limit": 2}).json()
    assert [row["version"] for row in page["results"]] == ["1.0.2", "1.0.1"]
    rest = client.get(URL, {"limit": 2, "cursor": page["next"]}).json()
    assert ([row["version"] for row in rest["results"]], rest["next"]) == (["1.0.0"], None)


def test_what_does_not_exist_is_named(api):
    client = api("viewer")
    assert client.get(URL).json()["code"] == "unknown_model"
    post(api("admin"))
    assert client.get(f"{URL}/2.0.0").json()["code"] == "unknown_version"


def test_a_version_nothing_uses_is_deleted(api):
    client = api("ml_engineer")
    post(client)
    assert api("viewer").delete(f"{URL}/1.0.0").status_code == 403
    assert client.delete(f"{URL}/1.0.0").status_code == 204
    assert client.delete(f"{URL}/1.0.0").status_code == 404
    assert not Job.objects.exists()
