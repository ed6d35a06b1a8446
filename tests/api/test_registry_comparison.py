import pytest

from registry.models import ModelVersion
from tests import fleet_rows

pytestmark = pytest.mark.django_db

IMAGE = {"name": "image", "dtype": "float32", "shape": ["N", 1, 8, 8]}
SCORES = {"name": "scores", "dtype": "float32", "shape": ["N", 10]}


@pytest.fixture(autouse=True)
def versions():
    first, second = fleet_rows.make_version("1.0.0"), fleet_rows.make_version("1.1.0")
    fleet_rows.make_variant(second, "rk3588")
    rows = ModelVersion.objects
    rows.filter(pk=first.pk).update(
        inspection={"operators": {"Conv": 3, "Relu": 3}, "parameter_count": 100, "opset": 17, "ir_version": 9},
        inputs=[IMAGE],
        outputs=[SCORES],
    )
    rows.filter(pk=second.pk).update(
        inspection={"operators": {"Conv": 4, "Gelu": 3}, "parameter_count": 120, "opset": 17, "ir_version": 9},
        inputs=[{**IMAGE, "shape": ["N", 3, 8, 8]}],
        outputs=[SCORES],
    )


def predict(number, classes, digest="a" * 64):
    version = ModelVersion.objects.get(number=number)
    version.inspection["predictions"] = {"samples_sha256": digest, "classes": classes}
    version.save()


def compare(api, **asked):
    return api("viewer").get("/api/models/digits/compare", asked or {"from": "1.0.0", "to": "1.1.0"})


def by_name(rows):
    return {row["name"]: (row["from"], row["to"], row["is_same"]) for row in rows}


def test_two_versions_are_shown_side_by_side(api):
    answer = compare(api)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["from"]["version"], shown["to"]["version"]) == ("1.0.0", "1.1.0")
    assert by_name(shown["operators"]) == {"Conv": (3, 4, False), "Relu": (3, None, False), "Gelu": (None, 3, False)}
    numbers = by_name(shown["numbers"])
    assert (numbers["parameter_count"], numbers["opset"]) == ((100, 120, False), (17, 17, True))
    assert [row["is_same"] for row in (*shown["inputs"], *shown["outputs"])] == [False, True]


def test_targets_show_the_offered_variant_of_each_version(api):
    targets = {row["target"]: row for row in compare(api).json()["targets"]}
    assert targets["generic-cpu"]["from"]["recipe"] == "fp32-optimized"
    assert targets["rk3588"]["from"] is None
    assert targets["rk3588"]["to"]["status"] == "ready"


def test_samples_whose_class_changed_are_listed(api):
    predict("1.0.0", [1, 2, 3])
    predict("1.1.0", [1, 5, 3])
    samples = compare(api).json()["samples"]
    assert (samples["is_compared"], samples["count"], samples["changed_count"]) == (True, 3, 1)
    assert samples["changed"] == [{"index": 1, "from": 2, "to": 5}]


def test_a_hundred_changed_samples_are_listed_and_all_are_counted(api):
    predict("1.0.0", [0] * 300)
    predict("1.1.0", [1] * 300)
    samples = compare(api).json()["samples"]
    assert (samples["changed_count"], len(samples["changed"])) == (300, 100)


def test_answers_on_different_samples_are_not_compared(api):
    predict("1.0.0", [1, 2])
    predict("1.1.0", [1, 2], digest="b" * 64)
    samples = compare(api).json()["samples"]
    assert (samples["is_compared"], samples["count"]) == (False, None)
    assert samples["reason"] == "The versions were evaluated on different samples."


def test_answers_that_are_not_kept_are_said_to_be_missing(api):
    assert "not kept" in compare(api).json()["samples"]["reason"]


@pytest.mark.parametrize("asked", [{"from": "1.0.0"}, {"to": "1.0.0"}, {"from": "", "to": "1.0.0"}])
def test_both_versions_must_be_named(api, asked):
    assert compare(api, **asked).status_code == 400


def test_an_unknown_version_is_not_compared(api):
    answer = compare(api, **{"from": "1.0.0", "to": "9.0.0"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_version")
