from datetime import timedelta

import pytest
from django.utils import timezone

from fleet import tasks
from fleet.devices import pins
from fleet.models import Deployment, Device
from fleet.rollouts import steps
from fleet.rollouts import verbs as rollouts
from registry import channels
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(api):
    rows.point("stable", rows.make_version("1.0.0"))
    return [rows.DeviceClient(api(), rows.make_device(f"edge-{number}")) for number in range(10)]


@pytest.fixture
def canary(fleet):
    stage = {"min_duration_seconds": 600, "min_confirmed": 2, "min_devices": 3}
    rollout = rows.make_rollout(rows.make_version("2.0.0"), percents=(1, 100), stage=stage, salt="r1")
    return rollouts.start(rollout.pk, actor=rows.OPERATOR)


def step(rollout, *, minutes: float = 0):
    steps.take_all(now=timezone.now() + timedelta(minutes=minutes))
    rollout.refresh_from_db()
    return rollout


def test_a_small_stage_covers_its_least_number_of_devices_and_exactly_those(fleet, canary):
    served = [client.poll().json()["version"] for client in fleet]
    assert served.count("2.0.0") == 3


def test_beat_advances_after_duration_and_confirmations_and_completes_after_the_last_stage(fleet, canary):
    canary_clients = [client for client in fleet if client.poll().json()["version"] == "2.0.0"]
    canary_clients[0].update()
    assert step(canary, minutes=60).stage_index == 0
    canary_clients[1].update()
    assert step(canary, minutes=5).stage_index == 0
    assert step(canary, minutes=11).stage_index == 1
    for client in fleet:
        client.update()
    assert step(canary, minutes=5).state == "running"
    assert step(canary, minutes=11).state == "completed"
    canary.channel.refresh_from_db()
    assert canary.channel.version.number == "2.0.0"
    event = canary.events.last()
    assert (event.actor, event.event) == ("system:modelfleet", "complete")
    assert "devices have confirmed" in event.sentence


def test_steps_are_idempotent(fleet, canary):
    for client in fleet:
        client.update()
    step(canary, minutes=11)
    assert canary.stage_index == 1
    assert step(canary, minutes=0.1).stage_index == 1


def test_a_paused_rollout_takes_no_step(fleet, canary):
    for client in fleet:
        client.update()
    rollouts.pause(canary.pk, actor=rows.OPERATOR)
    assert step(canary, minutes=60).stage_index == 0


def test_a_stage_is_widened_when_the_devices_it_needs_join_later(api):
    rows.point("stable", rows.make_version("1.0.0"))
    rollout = rows.make_rollout(rows.make_version("2.0.0"), percents=(1, 100), salt="r1")
    rollouts.start(rollout.pk, actor=rows.OPERATOR)
    device = rows.DeviceClient(api(), rows.make_device("dev-0001"))
    before = device.poll().json()
    assert before["version"] == "1.0.0"
    step(rollout)
    after = device.poll().json()
    assert (rollout.bucket_limit, after["version"]) == (8462, "2.0.0")
    assert after["assignment"]["release_counter"] > before["assignment"]["release_counter"]


def test_a_device_that_nothing_fits_is_not_waited_for(fleet):
    version = rows.make_version("2.0.0", targets=("raspberry-pi-5",))
    rollout = rollouts.start(rows.make_rollout(version, percents=(100,)).pk, actor=rows.OPERATOR)
    assert step(rollout).state == "completed"


def test_a_pinned_device_is_not_waited_for(fleet, canary):
    for client in fleet:
        pins.pin(client.device.device_id, model="digits", version="1.0.0", actor=rows.OPERATOR)
    assert step(canary, minutes=11).stage_index == 1


def test_a_roll_back_is_finished_when_the_last_updated_device_is_back(fleet, canary):
    Device.objects.update(last_seen_at=timezone.now())
    updated = [client for client in fleet if client.update() == "2.0.0"]
    assert len(updated) == 3
    rollouts.roll_back(canary.pk, actor=rows.OPERATOR)
    assert step(canary).state == "rolling_back"
    for client in updated[:2]:
        assert client.update() == "1.0.0"
    updated[2].poll()
    assert step(canary).state == "rolling_back"
    updated[2].report("confirmed")
    assert step(canary).state == "rolled_back"
    assert canary.events.last().sentence == "Every reachable device is back."


def test_a_roll_back_does_not_wait_for_the_lost(fleet, canary):
    for client in fleet:
        client.update()
    Device.objects.update(last_seen_at=rows.long_ago())
    rollouts.roll_back(canary.pk, actor=rows.OPERATOR)
    assert step(canary).state == "rolled_back"


def test_a_roll_back_ends_some_day_and_counts_who_did_not_come(fleet, canary):
    for client in fleet:
        client.update()
    rollouts.roll_back(canary.pk, actor=rows.OPERATOR)
    later = timezone.now() + timedelta(hours=25)
    Device.objects.update(last_seen_at=later)
    steps.take_all(now=later)
    canary.refresh_from_db()
    assert (canary.state, canary.events.last().sentence) == ("rolled_back", "3 devices did not come back in time.")


def test_a_device_that_is_never_seen_leaves_the_denominator_as_one_that_was_offered_does(fleet):
    stage = {"min_confirmed": 10, "min_devices": 10}
    rollout = rows.make_rollout(rows.make_version("2.0.0"), percents=(100,), stage=stage)
    rollouts.start(rollout.pk, actor=rows.OPERATOR)
    for client in fleet[:-1]:
        client.update()
    Device.objects.exclude(pk=fleet[-1].device.pk).update(last_seen_at=timezone.now() + timedelta(minutes=50))
    assert step(rollout, minutes=50).state == "running"
    stage = rows.measure(rollout, now=timezone.now() + timedelta(minutes=61)).stages[0]
    assert (stage.offered, stage.confirmed, stage.unreachable, stage.needed) == (9, 9, 1, 9)
    assert step(rollout, minutes=61).state == "completed"


def test_where_nobody_is_seen_a_rollout_waits(fleet, canary):
    assert step(canary, minutes=600).stage_index == 0


def test_a_person_cannot_move_a_channel_that_a_rollout_is_moving(fleet, canary):
    with pytest.raises(rollouts.ChannelHasActiveRollout):
        channels.put(
            canary.channel.model, "stable", version=rows.make_version("3.0.0"), actor=rows.OPERATOR, if_match="*"
        )
    rollouts.abort(canary.pk, actor=rows.OPERATOR)
    channels.put(canary.channel.model, "stable", version=canary.version, actor=rows.OPERATOR, if_match="*")


def test_failed_devices_do_not_count_as_confirmed(fleet, canary):
    for client in fleet:
        client.poll()
        client.report("failed")
    assert step(canary, minutes=60).stage_index == 0
    assert set(Deployment.objects.values_list("state", flat=True)) == {"failed"}


def test_the_task_of_beat_is_the_step():
    assert tasks.advance_rollouts() == 0
    assert tasks.sweep_deployments() == 0
