import base64
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.devices import verbs as devices
from fleet.models import Deployment, DeviceToken
from registry.offers import verbs as offers
from registry.versions import verbs as versions
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def stable():
    return rows.point("stable", rows.make_version("1.0.0"))


@pytest.fixture
def device(api, stable):
    return rows.DeviceClient(api(), rows.make_device("edge-1"))


def test_a_device_follows_its_channel_to_the_exact_answer_of_the_contract(device):
    answer = device.poll()
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == [
        "model_id", "version", "sha256", "size", "format", "filename", "download_url", "target", "recipe",
        "manifest_url", "manifest_sha256", "signature_url", "baseline_url", "assignment", "policy", "poll_after_s",
    ]  # fmt: skip
    assert (body["model_id"], body["version"], body["target"]) == ("digits", "1.0.0", "generic-cpu")
    assert body["baseline_url"] is None
    assert list(body["assignment"]) == ["attempt_id", "rollout_id", "reason", "release_counter", "expires_at", "dsse"]
    assert body["assignment"]["reason"] == "channel stable"
    assert body["policy"] == {"activate": "immediate", "probation_s": 300, "probation_inferences": 50}
    assert answer["Cache-Control"] == "private, no-cache"
    assert answer["X-Poll-After"] == str(body["poll_after_s"])
    assert 270 <= body["poll_after_s"] <= 330


def test_an_idle_poll_is_304_after_one_read_and_no_write(device, django_assert_num_queries):
    device.poll()
    with django_assert_num_queries(1) as read:
        answer = device.poll()
    assert answer.status_code == 304
    assert answer["ETag"] == device.etag
    assert answer["X-Poll-After"]
    assert read.captured_queries[0]["sql"].lstrip().startswith("SELECT")


def test_the_first_use_of_a_token_and_a_new_offer_cost_a_known_number_of_statements(device, stable):
    with CaptureQueriesContext(
        connection,
    ) as first:
        device.poll()
    with CaptureQueriesContext(connection) as repeated:
        device.poll(fresh=True)
    statements = [
        [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]] for captured in (first, repeated)
    ]
    assert [len(found) for found in statements] == [7, 3]


def test_a_repeated_answer_keeps_its_attempt(device):
    first = device.poll().json()
    again = device.poll(fresh=True).json()
    assert again["assignment"]["attempt_id"] == first["assignment"]["attempt_id"]
    assert Deployment.objects.count() == 1


@pytest.mark.parametrize("wrap", ["{}", "W/{}", '"other", {}', "*"])
def test_every_form_of_if_none_match_is_understood(device, wrap):
    device.poll()
    device.etag = wrap.format(device.etag)
    assert device.poll().status_code == 304


def test_a_moved_channel_is_a_new_decision(device):
    device.update()
    rows.point("stable", rows.make_version("2.0.0"))
    answer = device.poll()
    assert (answer.status_code, answer.json()["version"]) == (200, "2.0.0")
    assert set(Deployment.objects.values_list("state", flat=True)) == {"confirmed", "offered"}


def test_an_offer_that_another_one_overtakes_is_superseded(device):
    device.poll()
    rows.point("stable", rows.make_version("2.0.0"))
    device.poll()
    assert list(Deployment.objects.order_by("offered_at").values_list("state", flat=True)) == ["superseded", "offered"]


def test_the_etag_changes_at_half_of_the_assignments_life(device, settings):
    settings.ASSIGNMENT_SECONDS = 2_000
    before = device.poll().json()
    settings.ASSIGNMENT_SECONDS = 1_999
    answer = device.poll()
    assert answer.status_code == 200
    assert answer.json()["assignment"]["attempt_id"] == before["assignment"]["attempt_id"]


def test_a_variant_of_the_fall_back_is_offered_under_its_own_target(api, stable):
    pi = rows.DeviceClient(api(), rows.make_device("pi-1", target="raspberry-pi-5"))
    assert pi.poll().json()["target"] == "generic-cpu"
    own = rows.make_variant(stable.version, "raspberry-pi-5")
    assert pi.poll().status_code == 304
    offers.put(stable.version, "raspberry-pi-5", variant_id=own.pk, if_match="*", actor=rows.OPERATOR)
    assert pi.poll().json()["target"] == "raspberry-pi-5"


def test_nothing_assigned_is_204_with_the_reason(api):
    device = rows.DeviceClient(api(), rows.make_device("edge-1"))
    answer = device.poll()
    assert (answer.status_code, answer["X-Reason"]) == (204, "the channel stable of digits does not exist yet")
    assert answer["X-Poll-After"]
    assert not answer.content
    version = rows.make_version("1.0.0", targets=("rk3588",))
    rows.point("stable", version)
    assert device.poll()["X-Reason"] == "version 1.0.0 (channel stable) has no ready variant for generic-cpu"
    versions.quarantine(version, reason="bad", actor=rows.OPERATOR)
    assert device.poll()["X-Reason"] == "version 1.0.0 is quarantined"
    assert not Deployment.objects.exists()


def test_the_primary_subscription_is_the_default_and_others_are_asked_for_by_name(api, stable):
    rows.point("stable", rows.make_version("7.0.0", slug="faces"))
    device = rows.DeviceClient(api(), rows.make_device("edge-1"))
    follows = [rows.subscriptions.Follow("faces"), rows.subscriptions.Follow("digits")]
    devices.change("edge-1", actor=rows.OPERATOR, follows=follows)
    assert device.poll().json()["model_id"] == "faces"
    assert device.poll(fresh=True, model="digits").json()["model_id"] == "digits"


def test_an_unknown_model_is_404_and_one_that_is_not_followed_204(device):
    rows.make_model("faces")
    assert device.poll(model="nothing").json()["code"] == "unknown_model"
    answer = device.poll(model="faces")
    assert (answer.status_code, answer["X-Reason"]) == (204, "the device has no subscription to faces")


def test_a_device_without_a_subscription_is_told_so(device):
    devices.change("edge-1", actor=rows.OPERATOR, follows=[])
    assert device.poll()["X-Reason"] == "the device has no subscription"


def test_basic_credentials_in_the_address_work_like_a_bearer_token(api, device):
    def poll(user: str, password: str):
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        return api().get("/api/models/latest", {"device_id": "edge-1"}, HTTP_AUTHORIZATION=f"Basic {basic}")

    assert poll("edge-1", device.token).status_code == 200
    assert poll("edge-2", device.token).status_code == 401
    assert poll("edge-1", "mfd_wrong").status_code == 401


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer mfd_nothing", "Basic %%%", "Basic", "Digest x", "Bearer \udcff"]
)
def test_without_a_live_device_token_it_is_401(api, stable, header):
    headers = {"HTTP_AUTHORIZATION": header} if header is not None else {}
    answer = api().get("/api/models/latest", {"device_id": "edge-1"}, **headers)
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


def test_an_operators_token_is_no_device_token_and_the_other_way_round(api, device):
    assert api("admin").get("/api/models/latest", {"device_id": "edge-1"}).status_code == 401
    assert api().get("/api/devices", **device.headers).status_code == 401


def test_a_device_may_not_ask_for_another_one(api, device):
    rows.make_device("edge-2")
    for asked in ("edge-2", "nobody"):
        answer = api().get("/api/models/latest", {"device_id": asked}, **device.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "other_device")


@pytest.mark.parametrize("query", [{}, {"device_id": ""}, {"device_id": "a\x00"}, {"device_id": "edge-1", "model": ""}])
def test_a_malformed_poll_is_400(api, device, query):
    assert api().get("/api/models/latest", query, **device.headers).status_code == 400


def test_a_revoked_device_is_out_at_once(device):
    device.poll()
    devices.revoke("edge-1", actor=rows.OPERATOR)
    assert device.poll().status_code == 401
    assert device.report("downloading").status_code == 401


def test_both_tokens_work_during_a_rotation_until_the_new_one_is_used(api, device):
    device.poll()
    fresh = rows.DeviceClient(api(), device.device, devices.rotate_token("edge-1", actor=rows.OPERATOR))
    assert device.poll(fresh=True).status_code == 200
    assert fresh.poll().status_code == 200
    assert device.poll(fresh=True).status_code == 401
    assert device.report("downloading").status_code == 401


def test_a_rotation_that_was_never_used_is_replaced(device):
    device.poll()
    for _ in range(3):
        devices.rotate_token("edge-1", actor=rows.OPERATOR)
    assert DeviceToken.objects.filter(revoked_at=None).count() == 2


def test_polls_are_spread_and_each_device_keeps_its_place(api, stable):
    clients = [rows.DeviceClient(api(), rows.make_device(f"edge-{number}")) for number in range(10)]
    first = [client.poll()["X-Poll-After"] for client in clients]
    assert len(set(first)) > 5
    assert [client.poll()["X-Poll-After"] for client in clients] == first


def test_an_assignment_expires_in_the_future_by_half_a_life_at_least(device, settings):
    from datetime import datetime

    from django.utils import timezone

    settings.ASSIGNMENT_SECONDS = 3_600
    expires_at = datetime.fromisoformat(device.poll().json()["assignment"]["expires_at"])
    left = expires_at - timezone.now()
    assert timedelta(seconds=1_799) < left <= timedelta(seconds=3_600)
