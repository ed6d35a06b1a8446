import pytest

from registry.models import Blob, ModelVersion, RegisteredModel

pytestmark = pytest.mark.django_db

ADD = "/admin/registry/modelversion/add/"


@pytest.fixture
def version(db):
    source = Blob.objects.create(sha256="a" * 64, size=10)
    return ModelVersion.objects.create(
        model=RegisteredModel.objects.create(slug="digits"), number="1.0.0", source=source, created_by="person:ann"
    )


def test_adding_a_version_leads_to_the_upload_page(person):
    answer = person("ml_engineer").get(ADD)
    assert (answer.status_code, answer["Location"]) == (302, "/upload")


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_other_roles_look_and_do_not_add(person, role):
    browser = person(role)
    assert browser.get("/admin/registry/modelversion/").status_code == 200
    assert browser.get(ADD).status_code == 403
    assert browser.post(ADD).status_code == 403


def test_every_list_and_a_version_open(person, version):
    browser = person("ml_engineer")
    for name in ("modelversion", "registeredmodel", "channel", "baseline", "job"):
        assert browser.get(f"/admin/registry/{name}/").status_code == 200, name
    assert browser.get(f"/admin/registry/modelversion/{version.pk}/change/").status_code == 200
