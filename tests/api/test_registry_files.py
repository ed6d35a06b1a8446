from urllib.parse import unquote

import pytest

from tests import fleet_rows

pytestmark = pytest.mark.django_db

URL = "/api/models/digits/versions/1.0.0"


@pytest.fixture
def version():
    return fleet_rows.make_version("1.0.0")


@pytest.mark.parametrize("role", ["viewer", "ml_engineer", "operator", "admin"])
def test_everybody_with_a_role_may_fetch_the_uploaded_file(api, version, role):
    answer = api(role).get(f"{URL}/source")
    assert answer.status_code == 302
    assert f"{version.source_id}/digits-1.0.0.onnx" in unquote(answer["Location"])


def test_the_cleaned_copy_has_a_name_of_its_own(api, version):
    version.cleaned = fleet_rows.blob("cleaned")
    version.save()
    answer = api("viewer").get(f"{URL}/cleaned")
    assert f"{version.cleaned_id}/digits-1.0.0-cleaned.onnx" in unquote(answer["Location"])


def test_a_version_that_is_not_verified_has_no_cleaned_copy(api, version):
    answer = api("viewer").get(f"{URL}/cleaned")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_cleaned_model")


def test_strangers_get_no_link(api, version):
    assert api().get(f"{URL}/source").status_code == 401
