"""Two versions side by side, and the search for models."""

import pytest

from tests import fleet_rows

pytestmark = pytest.mark.django_db

PAGE = "/models/digits/compare"


@pytest.fixture(autouse=True)
def versions():
    first, second = fleet_rows.make_version("1.0.0"), fleet_rows.make_version("2.0.0", targets=("rk3588",))
    for version, operators, classes in ((first, {"Conv": 2}, [0, 1, 2]), (second, {"Conv": 3, "Relu": 1}, [0, 1, 7])):
        version.targets = [version.variants.get().target]
        version.inspection = {
            "operators": operators, "opset": 17, "predictions": {"samples_sha256": "a", "classes": classes},
        }  # fmt: skip
        version.save()
    return first, second


def test_the_page_asks_for_two_versions_first(person):
    page = person("viewer").get(PAGE).content.decode()
    assert page.count("<option>2.0.0</option>") == 2
    assert "What devices are offered" not in page


def test_it_shows_what_is_offered_what_is_inside_and_which_answers_changed(person):
    page = person("viewer").get(PAGE, {"from": "1.0.0", "to": "2.0.0"}).content.decode()
    assert "1 of 3 samples have another answer" in page
    assert "nothing for this target" in page
    assert "<code>Relu</code>" in page
    # The sizes of both sources are the same; Conv and Relu are not.
    assert page.count("is-changed") == 2


def test_versions_on_other_samples_say_so(person, versions):
    versions[1].inspection["predictions"]["samples_sha256"] = "b"
    versions[1].save()
    page = person("viewer").get(PAGE, {"from": "1.0.0", "to": "2.0.0"}).content.decode()
    assert "evaluated on different samples" in page


def test_a_version_that_is_none_is_not_found(person):
    assert person("viewer").get(PAGE, {"from": "1.0.0", "to": "9.0.0"}).status_code == 404


def test_models_are_found_by_name_state_and_target(person):
    fleet_rows.make_model("letters")
    browser = person("viewer")
    assert "letters" in browser.get("/models").content.decode()
    for query in ({"q": "DIG"}, {"status": "ready"}, {"target": "rk3588"}):
        page = browser.get("/models", query).content.decode()
        assert "/models/digits" in page
        assert "/models/letters" not in page
    assert "No model matches" in browser.get("/models", {"q": "nothing"}).content.decode()
    assert browser.get("/models", {"status": "asleep"}).status_code == 400


def test_the_pages_of_a_model_and_a_version_lead_to_the_comparison(person):
    browser = person("viewer")
    assert f"{PAGE}?from=1.0.0&amp;to=2.0.0" in browser.get("/models/digits").content.decode()
    assert f"{PAGE}?to=2.0.0" in browser.get("/models/digits/2.0.0").content.decode()
