import json

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from registry.models import Job, ModelVersion
from registry.states import JobStatus

pytestmark = pytest.mark.django_db

ADD = "/admin/registry/modelversion/add/"


@pytest.fixture
def person(db):
    """``person("ml_engineer")`` is a browser logged in as somebody of that role."""

    def log_in(role, **options):
        user = User.objects.create_user(f"a-{role}", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        browser = Client(**options)
        browser.force_login(user)
        return browser

    return log_in


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
    browser.post(ADD, fill())
    page = browser.get(ADD).content.decode()
    assert 'value="raspberry-pi-5"' in page
    assert '<option value="digits">' in page


def test_an_upload_leads_to_the_versions_page(person):
    answer = person("ml_engineer").post(ADD, fill())
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
    ],
)
def test_a_refusal_is_shown_at_its_field(person, changes, field):
    answer = person("ml_engineer").post(ADD, fill(**changes))
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert not ModelVersion.objects.exists()


def test_a_taken_number_is_shown_at_the_version(person):
    browser = person("admin")
    browser.post(ADD, fill())
    answer = browser.post(ADD, fill(file=SimpleUploadedFile("model.onnx", b"others")))
    assert list(answer.context["form"].errors) == ["version"]


def test_a_file_over_the_cap_is_shown_at_the_file(person, settings):
    settings.MAX_UPLOAD_BYTES = 1000
    answer = person("ml_engineer").post(ADD, fill(file=SimpleUploadedFile("model.onnx", b"x" * 5000)))
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["file"]


def test_a_form_from_elsewhere_is_refused(person):
    answer = person("ml_engineer", enforce_csrf_checks=True).post(ADD, fill())
    assert answer.status_code == 403
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_other_roles_look_and_do_not_upload(person, role):
    browser = person(role)
    assert browser.get("/admin/registry/modelversion/").status_code == 200
    assert browser.get(ADD).status_code == 403
    assert browser.post(ADD, fill()).status_code == 403


def test_every_list_and_a_version_open(person):
    browser = person("ml_engineer")
    browser.post(ADD, fill())
    for name in ("modelversion", "registeredmodel", "channel", "baseline", "job"):
        assert browser.get(f"/admin/registry/{name}/").status_code == 200, name
    assert browser.get(f"/admin/registry/modelversion/{ModelVersion.objects.get().pk}/change/").status_code == 200


@pytest.mark.parametrize("page", ["/models/digits", "/models/digits/1.0.0"])
def test_pages_of_a_build_move_by_themselves_and_are_loaded_anew_at_its_end(person, page):
    browser = person("ml_engineer")
    browser.post(ADD, fill())
    live = page if page == "/models/digits" else f"{page}/progress"
    assert "every 2s" in browser.get(page).content.decode()
    assert "HX-Refresh" not in browser.get(live, headers={"HX-Request": "true"})

    Job.objects.update(status=JobStatus.DONE)
    assert "every 2s" not in browser.get(page).content.decode()
    assert browser.get(live, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "HX-Refresh" not in browser.get(live)


def test_a_rejected_or_quarantined_version_offers_nothing_that_would_be_refused(person):
    browser = person("admin")
    browser.post(ADD, fill())
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
