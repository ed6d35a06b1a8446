import pytest
from django.utils import timezone

from fleet.devices import queries, tokens
from fleet.devices import verbs as devices
from fleet.models import Device
from fleet.polls import reading
from fleet.rollouts import verbs as rollouts
from registry.versions import dependents
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


def test_the_fleet_is_counted_by_state_target_version_and_deployment(api):
    rows.point("stable", rows.make_version("1.0.0"))
    client = rows.DeviceClient(api(), rows.make_device("edge-1"))
    client.update()
    devices.note_heartbeat(
        client.device.pk,
        devices.Heartbeat("0.1.0", [devices.Running(model="digits", version="1.0.0", sha256="a" * 64)], {}),
        now=timezone.now(),
    )
    rows.make_device("edge-2", target="raspberry-pi-5")
    rows.make_device("edge-3", state="pending")
    counts = queries.count_fleet()
    assert counts.total == 3
    assert counts.by_state == {"active": 2, "pending": 1}
    assert counts.by_target == {"generic-cpu": 1, "raspberry-pi-5": 1}
    assert counts.by_version == {("digits", "1.0.0"): 1}
    assert counts.by_deployment_state == {"confirmed": 1}


def test_a_devices_row_carries_its_newest_attempt(api):
    rows.point("stable", rows.make_version("1.0.0"))
    rows.DeviceClient(api(), rows.make_device("edge-1")).update()
    row = queries.list_devices(search="edge").get()
    assert (row.deployment_state, row.deployment_version, row.deployment_model) == ("confirmed", "1.0.0", "digits")


def test_progress_says_what_a_stage_waits_for(api):
    rows.point("stable", rows.make_version("1.0.0"))
    clients = [rows.DeviceClient(api(), rows.make_device(f"edge-{number}")) for number in range(4)]
    rollout = rows.make_rollout(rows.make_version("2.0.0"), percents=(100,), stage={"min_duration_seconds": 600})
    assert rows.measure(rollout, now=timezone.now()).stages[0].position == "ahead"
    rollout = rollouts.start(rollout.pk, actor=rows.OPERATOR)
    before = rows.measure(rollout, now=timezone.now())
    assert before.verdict == "0 of 1 needed devices have confirmed"
    assert 590 <= before.time_left_seconds <= 600
    clients[0].update()
    clients[1].poll()
    clients[1].report("failed")
    clients[2].poll()
    (stage,) = rows.measure(rollout, now=timezone.now()).stages
    assert (stage.covered, stage.offered, stage.confirmed, stage.failed) == (4, 3, 1, 1)


def test_a_version_in_use_by_the_fleet_is_not_deleted(api):
    version = rows.make_version("1.0.0")
    channel = rows.point("stable", version)
    client = rows.DeviceClient(api(), rows.make_device("edge-1"))
    client.poll()
    following = rows.make_version("2.0.0")
    rollout = rows.make_rollout(following)
    rows.point("stable", following)
    assert {(use.kind, use.name) for use in dependents.find(version)} == {
        ("rollout", str(rollout.pk)),
        ("device", "edge-1"),
    }
    assert channel.model.slug == "digits"


def test_one_read_finds_what_two_rollouts_of_two_channels_mean_to_a_device(django_assert_num_queries):
    rows.point("stable", rows.make_version("1.0.0"))
    rows.point("beta", rows.make_version("2.0.0"))
    device = rows.make_device("edge-1", channel="beta", labels={"site": "osaka"})
    rollout = rows.make_rollout(rows.make_version("3.0.0"), channel="beta", percents=(100,))
    rollouts.start(rollout.pk, actor=rows.OPERATOR)
    rollouts.start(rows.make_rollout(rows.make_version("4.0.0")).pk, actor=rows.OPERATOR)
    with django_assert_num_queries(1):
        known = reading.find_by_device("edge-1", model="digits")
    assert (known.device_pk, known.facts.device.labels) == (device.pk, {"site": "osaka"})
    assert known.facts.channel.version.number == "2.0.0"
    assert [found.version.number for found in known.facts.rollouts] == ["3.0.0"]
    assert known.facts.rollouts[0].percent == 100


def test_a_device_is_known_by_its_token_without_a_query_for_a_while(django_assert_num_queries):
    device = rows.make_device("edge-1", labels={"site": "osaka"})
    token = tokens.issue_token(device)
    first = tokens.authenticate_device(f"Bearer {token}")
    with django_assert_num_queries(0):
        again = tokens.authenticate_device(f"bearer {token}")
    assert again == first
    assert (first.device_id, first.target, first.labels, first.model_slug) == (
        "edge-1",
        "generic-cpu",
        {"site": "osaka"},
        "digits",
    )


def test_what_is_kept_of_a_token_ends_with_its_time(monkeypatch):
    monkeypatch.setattr(tokens, "CACHE_SECONDS", 0.0)
    device = rows.make_device("edge-1")
    token = tokens.issue_token(device)
    tokens.authenticate_device(f"Bearer {token}")
    device.tokens.update(revoked_at=timezone.now())
    with pytest.raises(tokens.UnknownDeviceToken):
        tokens.authenticate_device(f"Bearer {token}")


def test_a_device_that_waits_has_no_way_in():
    device = rows.make_device("edge-1", state="pending")
    token = tokens.issue_token(device)
    with pytest.raises(tokens.UnknownDeviceToken):
        tokens.authenticate_device(f"Bearer {token}")
    assert Device.objects.get().state == "pending"
