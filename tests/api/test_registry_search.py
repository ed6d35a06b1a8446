import pytest

from core.actors import SYSTEM
from registry.models import ModelVersion
from registry.versions import registered_models
from tests import fleet_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rows():
    registered_models.create("digits", actor=SYSTEM, description="Reads meters 100 % at night")
    registered_models.create("faces", actor=SYSTEM, description="Counts people")
    registered_models.create("empty_one", actor=SYSTEM)
    old, new = fleet_rows.make_version("1.0.0"), fleet_rows.make_version("2.0.0-rc.1")
    ModelVersion.objects.filter(pk=old.pk).update(tags=["night", "osaka"], targets=["generic-cpu", "rk3588"])
    ModelVersion.objects.filter(pk=new.pk).update(status="building", description="With Rain", targets=["generic-cpu"])
    ModelVersion.objects.filter(pk=fleet_rows.make_version("1.0.0", slug="faces").pk).update(tags=["osaka"])


def models(api, **asked):
    return [row["model"] for row in api("viewer").get("/api/models", asked).json()["results"]]


def versions(api, **asked):
    return [row["version"] for row in api("viewer").get("/api/models/digits/versions", asked).json()["results"]]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["digits", "empty_one", "faces"]),
        ({"q": "METER"}, ["digits"]),
        ({"q": "ace"}, ["faces"]),
        ({"q": "%"}, ["digits"]),
        ({"q": "_"}, ["empty_one"]),
        ({"q": "nothing like this"}, []),
        ({"tag": "osaka"}, ["digits", "faces"]),
        ({"tag": "osak"}, []),
        ({"tag": "osaka", "q": "people"}, ["faces"]),
        ({"status": "building"}, ["digits"]),
        ({"target": "rk3588"}, ["digits"]),
    ],
)
def test_models_are_found(api, asked, found):
    assert models(api, **asked) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["2.0.0-rc.1", "1.0.0"]),
        ({"q": "rc"}, ["2.0.0-rc.1"]),
        ({"q": "rain"}, ["2.0.0-rc.1"]),
        ({"status": "ready"}, ["1.0.0"]),
        ({"tag": "night"}, ["1.0.0"]),
        ({"target": "generic-cpu"}, ["2.0.0-rc.1", "1.0.0"]),
        ({"target": "rk3588"}, ["1.0.0"]),
        ({"target": "rk3588", "status": "building"}, []),
    ],
)
def test_versions_are_found(api, asked, found):
    assert versions(api, **asked) == found


def test_a_search_is_read_in_pages(api):
    client = api("viewer")
    page = client.get("/api/models", {"tag": "osaka", "limit": 1}).json()
    assert [row["model"] for row in page["results"]] == ["digits"]
    rest = client.get("/api/models", {"tag": "osaka", "limit": 1, "cursor": page["next"]}).json()
    assert ([row["model"] for row in rest["results"]], rest["next"]) == (["faces"], None)


def test_models_are_counted_each_for_itself(api):
    counts = {
        row["model"]: (row["versions"], row["ready_versions"])
        for row in api("viewer").get("/api/models").json()["results"]
    }
    assert counts == {"digits": (2, 1), "empty_one": (0, 0), "faces": (1, 1)}


@pytest.mark.parametrize("asked", [{"status": "perfect"}, {"q": "x" * 201}, {"tag": "a\0b"}])
@pytest.mark.parametrize("path", ["/api/models", "/api/models/digits/versions"])
def test_a_search_that_cannot_be_read_is_400(api, path, asked):
    answer = api("viewer").get(path, asked)
    assert answer.status_code == 400
