import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from registry.models import Job, ModelVersion
from registry.states import JobStatus

pytestmark = pytest.mark.django_db

UPLOAD = "/upload"


def fill(**changes):
    form = {
        "model": "digits",
        "version": "1.0.0",
        "file": SimpleUploadedFile("model.onnx", b"some bytes"),
        "targets": ["generic-cpu", "rk3588"],
        "metadata": json.dumps({"labels": ["zero"]}),
    }
    return {**form, **changes}


def test_the_form_offers_every_target_by_its_title_and_the_known_models(person):
    browser = person("ml_engineer")
    browser.post(UPLOAD, fill())
    page = browser.get(UPLOAD).content.decode()
    assert 'value="raspberry-pi-5"' in page
    assert '<option value="digits">' in page


def test_an_upload_leads_to_the_versions_page(person):
    answer = person("ml_engineer").post(UPLOAD, fill())
    assert (answer.status_code, answer["Location"]) == (302, "/models/digits/1.0.0")
    version = ModelVersion.objects.get()
    assert (version.targets, version.metadata) == (["generic-cpu", "rk3588"], {"labels": ["zero"]})
    assert version.created_by == "person:a-ml_engineer"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "latest"}, "model"),
        ({"version": "one"}, "version"),
        ({"targets": ["toaster"]}, "targets"),
        ({"metadata": "{"}, "metadata"),
        ({"metadata": "[]"}, "metadata"),
        ({"baseline": SimpleUploadedFile("b.jsonl", b"no record")}, "baseline"),
        ({"file": ""}, "file"),
        ({"evaluation": SimpleUploadedFile("e.npz", b"")}, "evaluation"),
        ({"kind": "poetry"}, "kind"),
        ({"kind": "detection", "metadata": '{"task": {"kind": "regression"}}'}, "kind"),
        ({"preset": "small"}, "preset"),
        ({"max_accuracy_loss": "101"}, "max_accuracy_loss"),
        ({"max_accuracy_loss": "1", "budget": '{"max_accuracy_loss": 0.02}'}, "max_accuracy_loss"),
        ({"budget": '{"min_agreement": 2}'}, "min_agreement"),
        ({"budget": '{"recipes": ["magic"]}'}, "budget"),
        ({"budget": "[]"}, "budget"),
    ],
)
def test_a_refusal_is_shown_at_its_field(person, changes, field):
    answer = person("ml_engineer").post(UPLOAD, fill(**changes))
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert not ModelVersion.objects.exists()


def test_task_preset_evaluation_and_limits_are_those_of_the_api(person):
    samples = SimpleUploadedFile("e.npz", b"samples")
    numbers = {"max_accuracy_loss": "1.5", "min_agreement": "97", "max_size_mb": "2.5", "latency_ms": "20"}
    more = {"budget": '{"recipes": ["static-int8"]}', "kind": "detection", "preset": "exact", "evaluation": samples}
    answer = person("ml_engineer").post(UPLOAD, fill(**numbers, **more))
    assert answer.status_code == 302, answer.context["form"].errors
    version = ModelVersion.objects.get()
    assert version.budget == {
        "max_accuracy_loss": 0.015,
        "min_agreement": 0.97,
        "max_size_bytes": 2_500_000,
        "latency_ms": 20.0,
        "recipes": ["static-int8"],
    }
    assert version.metadata == {"labels": ["zero"], "task": {"kind": "detection"}}
    assert version.preset == "exact"
    assert version.evaluation is not None


def test_the_form_shows_the_hardware_of_targets_and_the_presets_of_later_releases(person):
    page = person("ml_engineer").get(UPLOAD).content.decode()
    assert "4 Cortex-A76" in page
    assert "TOPS" in page
    assert page.count("not built yet") == 2


def test_an_upload_of_a_known_version_says_what_was_ignored(person):
    browser = person("ml_engineer")
    browser.post(UPLOAD, fill())
    answer = browser.post(UPLOAD, fill(latency_ms="20"), follow=True)
    assert answer.redirect_chain == [("/models/digits/1.0.0?ignored=budget", 302)]
    assert "What was different is ignored: budget." in answer.content.decode()
    assert "is ignored" not in browser.get("/models/digits/1.0.0?ignored=<b>").content.decode()


def test_a_taken_number_is_shown_at_the_version(person):
    browser = person("admin")
    browser.post(UPLOAD, fill())
    answer = browser.post(UPLOAD, fill(file=SimpleUploadedFile("model.onnx", b"others")))
    assert list(answer.context["form"].errors) == ["version"]


def test_a_file_over_the_cap_is_shown_at_the_file(person, settings):
    settings.MAX_UPLOAD_BYTES = 1000
    answer = person("ml_engineer").post(UPLOAD, fill(file=SimpleUploadedFile("model.onnx", b"x" * 5000)))
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["file"]


def test_a_form_from_elsewhere_is_refused(person):
    answer = person("ml_engineer", enforce_csrf_checks=True).post(UPLOAD, fill())
    assert answer.status_code == 403
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_other_roles_do_not_upload(person, role):
    browser = person(role)
    assert browser.get(UPLOAD).status_code == 403
    assert browser.post(UPLOAD, fill()).status_code == 403
    assert f'href="{UPLOAD}"' not in browser.get("/models").content.decode()


def test_strangers_log_in_first(client):
    for answer in (client.get(UPLOAD), client.post(UPLOAD, fill())):
        assert (answer.status_code, answer["Location"]) == (302, "/admin/login/?next=/upload")
    assert not ModelVersion.objects.exists()


def test_every_place_without_a_version_leads_to_the_upload(person):
    browser = person("ml_engineer")
    assert 'href="/upload"' in browser.get("/models").content.decode()
    browser.post(UPLOAD, fill())
    assert 'href="/upload"' in browser.get("/models").content.decode()
    assert 'href="/models/digits/upload"' in browser.get("/models/digits").content.decode()


def test_an_upload_to_a_model_begins_with_its_name(person):
    browser = person("ml_engineer")
    browser.post(UPLOAD, fill())
    assert browser.get("/models/digits/upload").context["form"]["model"].value() == "digits"
    answer = browser.post("/models/digits/upload", fill(version="1.1.0"))
    assert (answer.status_code, answer["Location"]) == (302, "/models/digits/1.1.0")
    assert browser.get("/models/letters/upload").status_code == 404


def test_a_model_called_upload_keeps_its_page(person):
    browser = person("ml_engineer")
    assert browser.post(UPLOAD, fill(model="upload")).status_code == 302
    assert "<h1>upload</h1>" in browser.get("/models/upload").content.decode()
    assert "<h1>upload 1.0.0</h1>" in browser.get("/models/upload/1.0.0").content.decode()
    assert browser.get("/models/upload/upload").context["form"]["model"].value() == "upload"


@pytest.mark.parametrize("page", ["/models/digits", "/models/digits/1.0.0"])
def test_pages_of_a_build_move_by_themselves_and_are_loaded_anew_at_its_end(person, page):
    browser = person("ml_engineer")
    browser.post(UPLOAD, fill())
    live = page if page == "/models/digits" else f"{page}/progress"
    assert "every 2s" in browser.get(page).content.decode()
    assert "HX-Refresh" not in browser.get(live, headers={"HX-Request": "true"})

    Job.objects.update(status=JobStatus.DONE)
    assert "every 2s" not in browser.get(page).content.decode()
    assert browser.get(live, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "HX-Refresh" not in browser.get(live)


def test_a_rejected_or_quarantined_version_offers_nothing_that_would_be_refused(person):
    browser = person("admin")
    browser.post(UPLOAD, fill())
    ModelVersion.objects.update(status="rejected", status_message="It is cut off.")
    page = browser.get("/models/digits/1.0.0").content.decode()
    assert "Check the signature" not in page
    assert "not read yet" not in page

    reason = "Rolled back from digits/stable: smells"
    ModelVersion.objects.update(
        status="ready", status_message="", quarantined_at=timezone.now(), quarantine_reason=reason
    )
    page = browser.get("/models/digits/1.0.0").content.decode()
    assert f"{reason}. It is never offered again." in page
    assert "Roll out</a>" not in page
