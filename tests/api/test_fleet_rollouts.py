import uuid

import pytest

from core.models import AuditEntry
from fleet.models import Rollout
from registry.models import Channel
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

VERBS = ["start", "pause", "resume", "advance", "abort", "roll-back"]


@pytest.fixture
def operator(api):
    return api("operator")


@pytest.fixture
def fleet(api):
    rows.point("stable", rows.make_version("1.0.0"))
    rows.make_version("2.0.0")
    return [rows.DeviceClient(api(), rows.make_device(f"edge-{number}")) for number in range(5)]


def plan(**fields):
    stages = [{"percent": 20}, {"percent": 100}]
    return {"model": "digits", "channel": "stable", "version": "2.0.0", "stages": stages, "salt": "s", **fields}


@pytest.fixture
def drafted(operator, fleet):
    return operator.post("/api/rollouts", plan(), format="json").json()


def apply(client, rollout, verb, **body):
    return client.post(f"/api/rollouts/{rollout['id']}/{verb}", body, format="json")


def test_the_example_of_the_contract_is_taken_without_what_is_not_built(operator, fleet):
    posted = {
        "model": "digits",
        "channel": "stable",
        "version": "2.0.0",
        "selector": {"labels": {"site": "osaka"}, "targets": ["raspberry-pi-5"]},
        "stages": [
            {"percent": 5, "min_duration": "10m", "min_confirmed": 20},
            {"percent": 25, "min_duration": "30m"},
            {"percent": 100},
        ],
        "policy": {"probation_s": 300, "probation_inferences": 50},
    }
    answer = operator.post("/api/rollouts", posted, format="json")
    assert answer.status_code == 201
    body = answer.json()
    assert (body["state"], body["salt"], body["selector"]) == ("draft", body["id"], posted["selector"])
    assert body["stages"][0] == {"percent": 5.0, "min_duration": "10m", "min_confirmed": 20, "min_devices": 1}
    assert body["verbs"] == ["start", "abort"]
    assert body["previous_version"] == "1.0.0"


@pytest.mark.parametrize("name", ["gates", "on_failure", "window"])
@pytest.mark.parametrize("address", ["/api/rollouts", "/api/rollouts/preview"])
def test_what_is_not_built_is_refused_by_name(operator, fleet, name, address):
    answer = operator.post(address, plan(**{name: {}}), format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": name, "message": "is not built in this release."}]
    assert not Rollout.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"stages": []}, "stages"),
        ({"stages": [{"percent": 50}]}, "stages"),
        ({"stages": [{"percent": 50}, {"percent": 20}, {"percent": 100}]}, "stages.1.percent"),
        ({"stages": [{"percent": 100, "min_duration": "soon"}]}, "stages.0.min_duration"),
        ({"stages": [{"percent": 100, "min_duration": True}]}, "stages.0.min_duration"),
        ({"stages": [{"percent": 100, "min_confirmed": -1}]}, "stages.0.min_confirmed"),
        ({"stages": [{"min_duration": "1m"}]}, "stages.0.percent"),
        ({"stages": [{"percent": 100, "invented": 1}]}, "stages.0.invented"),
        ({"selector": {"sites": []}}, "selector.sites"),
        ({"selector": {"labels": {"a b": "c"}}}, "selector.labels"),
        ({"policy": {"probation_s": -1}}, "policy.probation_s"),
        ({"policy": {"invented": 1}}, "policy.invented"),
        ({"invented": 1}, "invented"),
    ],
)
def test_a_malformed_rollout_names_the_field(operator, fleet, fields, field):
    answer = operator.post("/api/rollouts", plan(**fields), format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"model": "nothing"}, "unknown_model"),
        ({"channel": "nothing"}, "unknown_channel"),
        ({"version": "9.9.9"}, "unknown_version"),
    ],
)
def test_a_rollout_of_what_does_not_exist_is_404(operator, fleet, fields, code):
    answer = operator.post("/api/rollouts", plan(**fields), format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_an_unknown_target_in_the_selector_is_refused(operator, fleet):
    answer = operator.post("/api/rollouts", plan(selector={"targets": ["toaster"]}), format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_target")


def test_the_preview_says_who_how_many_and_how_many_bytes_and_the_rollout_keeps_its_word(operator, fleet):
    rows.make_device("tpu-1", target="rk3588")
    answer = operator.post("/api/rollouts/preview", plan(salt=""), format="json")
    assert answer.status_code == 200
    preview = answer.json()
    assert preview["devices"] == 6
    assert preview["by_target"] == {"generic-cpu": 5, "rk3588": 1}
    canary, rest = preview["stages"]
    assert canary["devices"] == canary["new_devices"] == len(canary["device_ids"]) >= 1
    assert (rest["devices"], rest["new_devices"]) == (6, 6 - canary["devices"])
    assert preview["download_bytes"] == canary["new_bytes"] + rest["new_bytes"] > 0
    assert not Rollout.objects.exists()
    rollout = operator.post("/api/rollouts", plan(salt=preview["salt"]), format="json").json()
    apply(operator, rollout, "start")
    offered = [client.device.device_id for client in fleet if client.poll().json()["version"] == "2.0.0"]
    assert set(offered) == set(canary["device_ids"]) - {"tpu-1"}


def test_a_canary_goes_to_everybody_and_moves_the_channel(operator, fleet, drafted):
    started = apply(operator, drafted, "start").json()
    assert (started["state"], started["verbs"]) == ("running", ["advance", "pause", "abort", "roll-back"])
    served = [client.update() for client in fleet]
    assert 1 <= served.count("2.0.0") < 5
    shown = operator.get(f"/api/rollouts/{drafted['id']}").json()
    canary, rest = shown["progress"]["stages"]
    assert (canary["position"], canary["confirmed"], canary["failed"]) == ("current", served.count("2.0.0"), 0)
    assert rest["position"] == "ahead"
    assert apply(operator, drafted, "advance", reason="Looks good.").json()["stage_index"] == 1
    assert {client.update() for client in fleet} == {"2.0.0"}
    done = apply(operator, drafted, "advance").json()
    assert (done["state"], done["verbs"]) == ("completed", [])
    assert [event["event"] for event in done["events"]] == ["created", "start", "advance", "complete"]
    assert "Looks good." in done["events"][2]["sentence"]
    assert Channel.objects.get().version.number == "2.0.0"
    attempts = {client.assignment["assignment"]["attempt_id"] for client in fleet}
    assert {client.poll(fresh=True).json()["assignment"]["attempt_id"] for client in fleet} == attempts


def test_what_does_not_apply_is_409_with_the_verbs_that_do(operator, drafted):
    answer = apply(operator, drafted, "pause")
    assert (answer.status_code, answer.json()["code"]) == (409, "verb_does_not_apply")
    assert answer.json()["verbs"] == ["start", "abort"]
    apply(operator, drafted, "start")
    assert apply(operator, drafted, "start").status_code == 409
    assert apply(operator, drafted, "pause").status_code == 200
    assert apply(operator, drafted, "pause").status_code == 409
    assert apply(operator, drafted, "advance").status_code == 409
    assert apply(operator, drafted, "resume").json()["state"] == "running"


def test_one_rollout_at_a_time_moves_a_channel(operator, drafted):
    second = operator.post("/api/rollouts", plan(), format="json").json()
    apply(operator, drafted, "start")
    answer = apply(operator, second, "start")
    assert (answer.status_code, answer.json()["code"]) == (409, "channel_has_active_rollout")
    assert answer.json()["rollout_id"] == drafted["id"]


def test_a_rollout_to_where_the_channel_is_already_is_refused(operator, fleet):
    rollout = operator.post("/api/rollouts", plan(version="1.0.0"), format="json").json()
    assert apply(operator, rollout, "start").json()["code"] == "nothing_to_roll_out"


def test_a_rolled_back_version_is_not_rolled_out_again(operator, drafted):
    apply(operator, drafted, "start")
    back = apply(operator, drafted, "roll-back", reason="Accuracy fell.").json()
    assert (back["state"], back["reason"]) == ("rolling_back", "Accuracy fell.")
    again = operator.post("/api/rollouts", plan(), format="json").json()
    assert apply(operator, again, "start").json()["code"] == "version_not_offerable"


def test_rollouts_are_listed_newest_first_filtered_and_paged(operator, fleet, drafted):
    second = operator.post("/api/rollouts", plan(), format="json").json()
    apply(operator, drafted, "start")

    def found(**query):
        return [row["id"] for row in operator.get("/api/rollouts", query).json()["results"]]

    assert found() == [second["id"], drafted["id"]]
    assert found(state="running") == [drafted["id"]]
    assert found(model="nothing") == []
    page = operator.get("/api/rollouts", {"limit": 1}).json()
    assert found(limit=1, cursor=page["next"]) == [drafted["id"]]
    assert operator.get("/api/rollouts", {"state": "gone"}).status_code == 400


@pytest.mark.parametrize("verb", VERBS)
def test_operators_and_admins_alone_use_verbs(api, drafted, verb):
    for role in ("viewer", "ml_engineer"):
        assert apply(api(role), drafted, verb).status_code == 403
    assert apply(api(), drafted, verb).status_code == 401
    assert apply(api("operator"), {"id": uuid.uuid4()}, verb).status_code == 404
    assert apply(api("operator"), drafted, verb, invented=1).status_code == 400


def test_everybody_with_a_role_reads_and_only_operators_draft(api, drafted):
    for role in ("viewer", "ml_engineer"):
        assert api(role).get("/api/rollouts").status_code == 200
        assert api(role).get(f"/api/rollouts/{drafted['id']}").status_code == 200
        assert api(role).post("/api/rollouts", plan(), format="json").status_code == 403
        assert api(role).post("/api/rollouts/preview", plan(), format="json").status_code == 403
    assert api().get("/api/rollouts").status_code == 401
    assert api("viewer").get(f"/api/rollouts/{uuid.uuid4()}").status_code == 404


def test_the_audit_trail_names_who_started_it(operator, drafted):
    apply(operator, drafted, "start")
    entry = AuditEntry.objects.filter(object_type="rollout", action="start").get()
    assert (entry.actor, entry.object_id) == ("token:operator", drafted["id"])
    assert (entry.before, entry.after["state"]) == ({"state": "draft"}, "running")
