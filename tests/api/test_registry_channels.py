from datetime import timedelta

import pytest
from django.utils import timezone

from core.errors import Conflict
from registry import channels
from registry.models import Blob, ChannelMove, ModelVersion, RegisteredModel
from registry.states import VersionStatus

pytestmark = pytest.mark.django_db

URL = "/api/models/digits/channels/stable"


@pytest.fixture(autouse=True)
def ready_versions(db):
    model = RegisteredModel.objects.create(slug="digits")
    source = Blob.objects.create(sha256="0" * 64, size=1)
    for number in ("1.0.0", "2.0.0"):
        ModelVersion.objects.create(
            model=model, number=number, source=source, status=VersionStatus.READY, created_by="test"
        )


def put(client, number, *, if_match=None, **body):
    headers = {"HTTP_IF_MATCH": if_match} if if_match is not None else {}
    return client.put(URL, {"version": number, **body}, format="json", **headers)


def test_the_first_put_creates_and_later_ones_need_what_was_seen(api):
    client = api("operator")
    created = put(client, "1.0.0")
    assert (created.status_code, created["ETag"]) == (200, '"1"')
    assert put(client, "2.0.0").status_code == 428
    moved = put(client, "2.0.0", if_match=created["ETag"])
    assert (moved.status_code, moved["ETag"], moved.json()["version"]) == (200, '"2"', "2.0.0")
    late = put(client, "1.0.0", if_match=created["ETag"])
    assert (late.status_code, late.json()["code"]) == (412, "channel_changed")


def test_every_move_takes_a_higher_release_counter(api):
    client = api("operator")
    first = put(client, "1.0.0").json()["release_counter"]
    second = put(client, "2.0.0", if_match='"1"').json()["release_counter"]
    assert second > first > 0


def test_the_same_content_again_moves_nothing(api):
    client = api("operator")
    put(client, "1.0.0")
    again = put(client, "1.0.0", if_match='"1"')
    assert (again.status_code, again["ETag"]) == (200, '"1"')
    assert ChannelMove.objects.count() == 1


def test_if_match_for_a_channel_that_is_not_there_is_412(api):
    assert put(api("operator"), "1.0.0", if_match='"1"').status_code == 412


def test_a_weak_tag_never_matches(api):
    put(api("operator"), "1.0.0")
    assert put(api("operator"), "2.0.0", if_match='W/"1"').status_code == 412


@pytest.mark.parametrize("role", ["viewer", "ml_engineer"])
def test_only_operators_move_channels(api, role):
    assert put(api(role), "1.0.0").status_code == 403
    assert api(role).get("/api/models/digits/channels").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"policy": {"probation": 1}}, "policy.probation"),
        ({"policy": {"probation_s": -1}}, "policy.probation_s"),
        ({"policy": {"probation_s": True}}, "policy.probation_s"),
        ({"policy": {"activate": "later"}}, "policy.activate"),
        ({"version_": "1.0.0"}, "version_"),
    ],
)
def test_a_malformed_put_names_the_field(api, body, field):
    answer = put(api("operator"), "1.0.0", **body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_a_version_that_is_not_ready_or_is_quarantined_is_refused(api):
    ModelVersion.objects.filter(number="1.0.0").update(status=VersionStatus.BUILDING)
    ModelVersion.objects.filter(number="2.0.0").update(quarantined_at=timezone.now(), quarantine_reason="crashes")
    for number in ("1.0.0", "2.0.0"):
        answer = put(api("operator"), number)
        assert (answer.status_code, answer.json()["code"]) == (409, "version_not_offerable")
    assert put(api("operator"), "3.0.0").json()["code"] == "unknown_version"


def test_a_bad_channel_name_is_400(api):
    answer = api("operator").put("/api/models/digits/channels/Stable!", {"version": "1.0.0"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_name")


def test_what_was_live_at_a_time(api):
    client = api("operator")
    put(client, "1.0.0")
    put(client, "2.0.0", if_match='"1"')
    now = timezone.now()
    ChannelMove.objects.filter(revision=1).update(at=now - timedelta(hours=2))
    ChannelMove.objects.filter(revision=2).update(at=now - timedelta(hours=1))

    def live(**ago):
        return client.get(URL, {"at": (now - timedelta(**ago)).isoformat()})

    assert live(minutes=90).json()["version"] == "1.0.0"
    assert live(minutes=30).json()["version"] == "2.0.0"
    assert live(hours=3).json()["code"] == "unknown_channel"
    for malformed in ("yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00"):
        assert client.get(URL, {"at": malformed}).status_code == 400
    # PostgreSQL knows no such offset.
    assert client.get(URL, {"at": "2742-01-03T09:03:20-16:25"}).status_code == 200


def test_a_version_on_a_channel_is_not_deleted_and_one_that_was_leaves_its_number_in_the_history(api):
    operator, engineer = api("operator"), api("ml_engineer")
    put(operator, "1.0.0")
    refused = engineer.delete("/api/models/digits/versions/1.0.0")
    assert (refused.status_code, refused.json()["uses"]) == (409, [{"kind": "channel", "name": "stable"}])
    assert engineer.delete("/api/models/digits").status_code == 409
    put(operator, "2.0.0", if_match='"1"')
    assert engineer.delete("/api/models/digits/versions/1.0.0").status_code == 204
    assert list(ChannelMove.objects.order_by("revision").values_list("version_number", flat=True)) == ["1.0.0", "2.0.0"]


def test_a_guard_of_an_app_above_can_refuse_a_move_of_an_existing_channel(api, monkeypatch):
    class Busy(Conflict):
        code = "channel_has_active_rollout"

    def refuse(channel):
        raise Busy(f"{channel} is busy.")

    monkeypatch.setattr(channels, "_guards", [refuse])
    assert put(api("operator"), "1.0.0").status_code == 200
    answer = put(api("operator"), "2.0.0", if_match='"1"')
    assert (answer.status_code, answer.json()["code"]) == (409, "channel_has_active_rollout")


def test_channels_are_listed_by_name(api):
    put(api("operator"), "1.0.0")
    assert [row["channel"] for row in api("viewer").get("/api/models/digits/channels").json()["results"]] == ["stable"]
    assert api("viewer").get("/api/models/nothing/channels").json()["code"] == "unknown_model"
