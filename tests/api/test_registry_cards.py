import json

import pytest

from core.models import AuditEntry
from registry.models import ModelVersion
from tests import fleet_rows

pytestmark = pytest.mark.django_db

URL = "/api/models/digits/versions/1.0.0"
CARD = {
    "description": "Reads digits at night.",
    "tags": ["night", "osaka"],
    "links": [{"title": "Paper", "url": "https://example.org/paper"}],
    "metrics": {"top-1": 0.98},
}


@pytest.fixture(autouse=True)
def version():
    return fleet_rows.make_version("1.0.0")


def patch(client, body, *, if_match="*"):
    headers = {} if if_match is None else {"HTTP_IF_MATCH": if_match}
    # In ASCII, for the client's own encoder writes no half of a surrogate pair.
    return client.patch(URL, json.dumps(body), content_type="application/json", **headers)


def test_a_card_is_written_and_read(api):
    answer = patch(api("ml_engineer"), CARD)
    assert answer.status_code == 200
    shown = api("viewer").get(URL).json()
    assert {name: shown[name] for name in CARD} == CARD
    entry = AuditEntry.objects.get(action="describe", object_type="version")
    assert (entry.before["tags"], entry.after["tags"]) == ([], ["night", "osaka"])


def test_parts_that_are_not_named_stay(api):
    client = api("ml_engineer")
    patch(client, CARD)
    assert patch(client, {"tags": []}).json()["description"] == CARD["description"]
    assert AuditEntry.objects.latest("pk").after == {"tags": []}


def test_a_card_changes_only_for_who_has_seen_it(api):
    client = api("ml_engineer")
    seen = client.get(URL)["ETag"]
    missing = patch(client, CARD, if_match=None)
    assert (missing.status_code, missing.json()["code"], missing.json()["etag"]) == (428, "if_match_required", seen)
    written = patch(client, CARD, if_match=seen)
    assert written.status_code == 200
    late = patch(client, {"tags": []}, if_match=seen)
    assert (late.status_code, late.json()["code"]) == (412, "card_changed")
    assert patch(client, {"tags": []}, if_match=written["ETag"]).status_code == 200


def test_a_build_does_not_change_the_etag_of_a_card(api, version):
    client = api("ml_engineer")
    seen = client.get(URL)["ETag"]
    fleet_rows.make_variant(version, "rk3588")
    assert patch(client, CARD, if_match=seen).status_code == 200


def test_the_same_card_again_writes_nothing(api):
    client = api("ml_engineer")
    assert [patch(client, CARD).status_code for _ in range(2)] == [200, 200]
    assert AuditEntry.objects.filter(action="describe").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"labels": []}, "labels"),
        ({"tags": "night"}, "tags"),
        ({"tags": ["a,b"]}, "tags"),
        ({"links": [{"title": "x", "url": "javascript:alert(1)"}]}, "links"),
        ({"metrics": {"top-1": "high"}}, "metrics"),
        ({"metrics": {"\ud800": 1}}, "metrics"),
        ({"description": "\ud800"}, "description"),
        ({"description": None}, "description"),
    ],
)
def test_a_malformed_card_is_refused_at_its_field(api, body, field):
    answer = patch(api("ml_engineer"), body)
    assert answer.status_code == 400
    assert [row["field"].split(".")[0] for row in answer.json()["errors"]] == [field]
    assert ModelVersion.objects.get().tags == []


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_other_roles_do_not_write_cards(api, role):
    assert patch(api(role), CARD).status_code == 403


def test_an_unknown_version_has_no_card(api):
    answer = api("ml_engineer").patch(f"{URL}-rc.1", CARD, format="json", HTTP_IF_MATCH="*")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_version")
