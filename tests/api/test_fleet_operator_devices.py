import pytest

from core.models import AuditEntry
from fleet.models import Device, EnrollmentKey
from registry.versions import verbs as versions
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(api):
    return api("operator")


@pytest.fixture
def device(api):
    rows.point("stable", rows.make_version("1.0.0"))
    return rows.DeviceClient(api(), rows.make_device("edge-1", labels={"site": "osaka"}))


def test_a_key_needs_a_name_only_and_is_shown_once(operator):
    answer = operator.post("/api/enrollment-keys", {"name": "line 3"}, format="json")
    assert answer.status_code == 201
    body = answer.json()
    assert (body["max_uses"], body["uses"], body["mode"], body["target"]) == (1, 0, "accept", None)
    assert body["key"] not in operator.get("/api/enrollment-keys").content.decode()
    assert body["key"] not in str(list(EnrollmentKey.objects.values()))
    enrolled = operator.post(
        "/api/devices/enroll", {"device_id": "e", "enrollment_key": body["key"], "target": "generic-cpu"}, format="json"
    )
    assert enrolled.status_code == 201


def test_a_key_takes_everything_of_the_contract(operator):
    wanted = {
        "name": "all",
        "max_uses": 50,
        "expires_at": "2099-01-01T00:00:00Z",
        "mode": "review",
        "target": "raspberry-pi-5",
        "labels": {"site": "osaka"},
        "subscriptions": [{"model": "digits"}, {"model": "faces", "channel": "beta"}],
    }
    body = operator.post("/api/enrollment-keys", wanted, format="json").json()
    assert {name: body[name] for name in wanted if name != "subscriptions"} == {
        name: value for name, value in wanted.items() if name != "subscriptions"
    }
    assert body["subscriptions"] == [{"model": "digits", "channel": "stable"}, {"model": "faces", "channel": "beta"}]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"max_uses": 0}, "max_uses"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"mode": "open"}, "mode"),
        ({"labels": {"a b": "c"}}, "labels"),
        ({"subscriptions": [{"model": "latest"}]}, "model"),
        ({"subscriptions": [{"model": "a"}, {"model": "a"}]}, "subscriptions"),
        ({"subscriptions": [{"channel": "x"}]}, "subscriptions.0.model"),
        ({"invented": 1}, "invented"),
    ],
)
def test_a_malformed_key_names_the_field(operator, fields, field):
    answer = operator.post("/api/enrollment-keys", {"name": "k", **fields}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert not EnrollmentKey.objects.exists()


def test_a_revoked_key_opens_nothing(operator):
    key, secret = rows.make_key()
    assert operator.delete(f"/api/enrollment-keys/{key.pk}").status_code == 204
    assert operator.delete(f"/api/enrollment-keys/{key.pk}").status_code == 204
    body = {"device_id": "e", "enrollment_key": secret, "target": "generic-cpu"}
    assert operator.post("/api/devices/enroll", body, format="json").status_code == 403
    assert operator.delete("/api/enrollment-keys/999999").status_code == 404


READS = ["/api/enrollment-keys", "/api/devices", "/api/devices/edge-1", "/api/devices/edge-1/resolve"]
WRITES = [
    ("post", "/api/enrollment-keys"),
    ("patch", "/api/devices/edge-1"),
    ("delete", "/api/devices/edge-1"),
    ("delete", "/api/enrollment-keys/1"),
    *(("post", f"/api/devices/edge-1/{verb}") for verb in ("accept", "revoke", "rotate-token", "pin", "unpin")),
]


@pytest.mark.parametrize("address", READS)
def test_every_role_reads_and_nobody_else(api, device, address):
    for role in ("viewer", "ml_engineer", "operator", "admin"):
        assert api(role).get(address).status_code == 200
    assert api().get(address).status_code == 401


@pytest.mark.parametrize(("method", "address"), WRITES)
def test_operators_and_admins_alone_write(api, device, method, address):
    for role in ("viewer", "ml_engineer"):
        answer = getattr(api(role), method)(address, {}, format="json")
        assert (answer.status_code, answer.json()["required_roles"]) == (403, ["admin", "operator"])
    assert getattr(api(), method)(address, {}, format="json").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("patch", ""),
        ("delete", ""),
        ("post", "/accept"),
        ("post", "/revoke"),
        ("post", "/rotate-token"),
        ("get", "/resolve"),
    ],
)
def test_an_unknown_device_is_404(operator, method, path):
    answer = getattr(operator, method)(f"/api/devices/nobody{path}", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_device")


def test_a_device_is_shown_with_what_it_follows_runs_and_was_offered(operator, device):
    device.update()
    body = operator.get("/api/devices/edge-1").json()
    assert body["subscriptions"] == [{"model": "digits", "channel": "stable"}]
    assert [(row["version"], row["state"]) for row in body["deployments"]] == [("1.0.0", "confirmed")]
    assert (body["state"], body["labels"], body["pins"]) == ("active", {"site": "osaka"}, [])


def test_the_list_is_filtered_and_paged_in_a_fixed_number_of_queries(operator, device, django_assert_num_queries):
    rows.make_device("edge-2", labels={"site": "kyoto"}, target="raspberry-pi-5")
    rows.make_device("edge-3", labels={"site": "kyoto"}, state="pending")

    def found(**query):
        return [row["device_id"] for row in operator.get("/api/devices", query).json()["results"]]

    assert found() == ["edge-1", "edge-2", "edge-3"]
    assert found(label="site:kyoto") == ["edge-2", "edge-3"]
    assert found(target="raspberry-pi-5") == ["edge-2"]
    assert found(state="pending") == ["edge-3"]
    assert found(search="OSAKA") == ["edge-1"]
    assert found(search="edge-2") == ["edge-2"]
    assert found(model="faces") == []
    first = operator.get("/api/devices", {"limit": 2}).json()
    assert [row["device_id"] for row in first["results"]] == ["edge-1", "edge-2"]
    assert found(limit=2, cursor=first["next"]) == ["edge-3"]
    with django_assert_num_queries(5):
        operator.get("/api/devices")


@pytest.mark.parametrize("query", [{"label": "site"}, {"state": "gone"}, {"search": "a\x00"}])
def test_a_filter_that_means_nothing_is_refused_by_name(operator, query):
    answer = operator.get("/api/devices", query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == next(iter(query))


def test_patch_replaces_labels_and_subscriptions(operator, device):
    body = {"labels": {"site": "kyoto"}, "subscriptions": [{"model": "faces"}, {"model": "digits", "channel": "beta"}]}
    shown = operator.patch("/api/devices/edge-1", body, format="json").json()
    assert shown["labels"] == {"site": "kyoto"}
    assert [row["model"] for row in shown["subscriptions"]] == ["faces", "digits"]
    entry = AuditEntry.objects.filter(object_type="device", action="change").get()
    assert (entry.before["labels"], entry.after["labels"]) == ({"site": "osaka"}, {"site": "kyoto"})


@pytest.mark.parametrize(
    "body", [{"state": "active"}, {"labels": {"a b": "c"}}, {"labels": "x"}, {"subscriptions": [{"model": "A"}]}]
)
def test_patch_refuses_what_it_does_not_change(operator, device, body):
    assert operator.patch("/api/devices/edge-1", body, format="json").status_code == 400


def test_a_deleted_device_may_enroll_again(operator, device):
    device.update()
    assert operator.delete("/api/devices/edge-1").status_code == 204
    assert device.poll().status_code == 401
    _, secret = rows.make_key()
    assert rows.enroll("edge-1", secret=secret)


def test_a_waiting_device_is_accepted_once(operator):
    _, secret = rows.make_key(mode="review")
    rows.enroll("edge-1", secret=secret)
    assert operator.post("/api/devices/edge-1/accept").json()["state"] == "active"
    answer = operator.post("/api/devices/edge-1/accept")
    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_accept")


def test_a_device_is_revoked_at_once_and_repeating_it_changes_nothing(operator, device):
    assert [operator.post("/api/devices/edge-1/revoke").status_code for _ in range(2)] == [200, 200]
    assert Device.objects.get().state == "revoked"
    assert device.poll().status_code == 401
    assert operator.post("/api/devices/edge-1/rotate-token").status_code == 409


def test_a_rotated_token_is_shown_once(operator, device):
    answer = operator.post("/api/devices/edge-1/rotate-token")
    assert answer.status_code == 201
    device.token = answer.json()["token"]
    assert device.poll().status_code == 200


def test_a_pin_holds_a_device_until_it_is_unpinned(operator, device):
    rows.make_version("2.0.0")
    before = device.poll().json()["assignment"]["release_counter"]
    body = {"model": "digits", "version": "2.0.0"}
    assert operator.post("/api/devices/edge-1/pin", body, format="json").json()["pins"] == [body]
    pinned = device.poll().json()
    assert (pinned["version"], pinned["assignment"]["reason"]) == ("2.0.0", "pinned by an operator")
    assert operator.post("/api/devices/edge-1/unpin", {"model": "digits"}, format="json").json()["pins"] == []
    after = device.poll().json()
    assert after["version"] == "1.0.0"
    assert before < pinned["assignment"]["release_counter"] < after["assignment"]["release_counter"]


def test_a_pin_that_could_hold_nothing_is_refused(operator, device):
    def pin(**body):
        return operator.post("/api/devices/edge-1/pin", {"model": "digits", "version": "1.0.0", **body}, format="json")

    assert pin(version="9.9.9").json()["code"] == "unknown_version"
    assert pin(model="nothing").json()["code"] == "unknown_model"
    rows.make_version("1.0.0", slug="faces")
    assert pin(model="faces").json()["code"] == "cannot_pin"
    bad = rows.make_version("3.0.0")
    versions.quarantine(bad, reason="bad", actor=rows.OPERATOR)
    assert pin(version="3.0.0").json()["code"] == "cannot_pin"
    assert pin(extra=1).status_code == 400


def test_resolve_explains_every_candidate_and_offers_nothing(operator, device):
    body = operator.get("/api/devices/edge-1/resolve", {"model": "digits"}).json()
    assert (body["version"], body["reason"], body["target"]) == ("1.0.0", "channel stable", "generic-cpu")
    assert [(row["kind"], row["taken"]) for row in body["candidates"]] == [("channel", True), ("variant", True)]
    assert not device.device.deployments.exists()
    assert operator.get("/api/devices/edge-1/resolve", {"model": "faces"}).status_code == 404
