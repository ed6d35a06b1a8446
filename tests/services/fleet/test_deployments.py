from datetime import timedelta

import pytest
from django.utils import timezone

from fleet import deployments
from fleet.devices import pins
from fleet.devices import verbs as devices
from fleet.models import Deployment, Device
from fleet.rollouts import verbs as rollouts
from registry.models import Channel
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(api):
    rows.point("stable", rows.make_version("1.0.0"))
    client = rows.DeviceClient(api(), rows.make_device("edge-1"))
    client.poll()
    return client


def sweep(**later: float) -> str:
    deployments.sweep(now=timezone.now() + timedelta(**later))
    return Deployment.objects.latest("offered_at").state


def test_a_device_that_is_not_seen_after_the_offer_is_unreachable(device):
    assert sweep(minutes=59) == "offered"
    assert sweep(minutes=61) == "unreachable"


def test_a_device_that_is_seen_gets_the_whole_lease(device):
    Device.objects.update(last_seen_at=timezone.now() + timedelta(minutes=10))
    assert sweep(minutes=61) == "offered"
    assert sweep(hours=25) == "timed_out"


@pytest.mark.parametrize("state", ["downloading", "verified", "self_tested", "activated"])
def test_every_open_state_has_a_lease(device, state):
    device.report(state)
    assert sweep(hours=23) == state
    assert sweep(hours=25) == "timed_out"


def test_a_long_probation_counts_on_top_of_the_lease(device, settings):
    settings.PROBATION_SECONDS = 2 * 86_400
    device.report("activated")
    assert sweep(hours=25) == "activated"
    assert sweep(hours=73) == "timed_out"


def test_the_probation_of_a_channels_policy_counts_as_that_of_a_rollout_does(device):
    Channel.objects.update(policy={"probation_s": 2 * 86_400})
    device.report("activated")
    assert sweep(hours=25) == "activated"
    assert sweep(hours=73) == "timed_out"


def test_long_probations_do_not_keep_what_is_overdue_from_being_ended(device, settings, monkeypatch):
    settings.PROBATION_SECONDS = 2 * 86_400
    monkeypatch.setattr(deployments, "_SWEPT_AT_ONCE", 2)
    device.report("downloading")
    for number in range(2, 5):
        other = rows.DeviceClient(device.client, rows.make_device(f"edge-{number}"))
        other.poll()
        other.report("activated")
    deployments.sweep(now=timezone.now() + timedelta(hours=25))
    assert Deployment.objects.filter(state="timed_out").count() == 1


@pytest.mark.parametrize("state", ["confirmed", "failed"])
def test_what_has_ended_is_left_alone(device, state):
    device.report(state)
    assert sweep(days=30) == state


def test_a_device_that_comes_back_goes_on_with_its_attempt(device):
    attempt = device.assignment["assignment"]["attempt_id"]
    sweep(hours=2)
    assert device.poll(fresh=True).json()["assignment"]["attempt_id"] == attempt
    assert Deployment.objects.get().state == "offered"


def test_a_report_overrules_what_was_presumed(device):
    sweep(hours=2)
    assert device.report("confirmed").json() == {"state": "confirmed"}


def test_a_late_report_does_not_reopen_an_attempt_that_another_one_followed(device):
    first = dict(device.assignment)
    sweep(hours=2)
    rows.point("stable", rows.make_version("2.0.0"))
    device.poll()
    Deployment.objects.filter(pk=first["assignment"]["attempt_id"]).update(state="unreachable")
    device.assignment = first
    assert device.report("verified").json() == {"state": "unreachable"}


def test_sweeping_twice_changes_nothing_more(device):
    now = timezone.now() + timedelta(hours=2)
    assert [deployments.sweep(now=now) for _ in range(2)] == [1, 0]


def test_what_failed_is_offered_anew_by_another_act_only(device):
    device.report("failed")
    first = device.assignment["assignment"]["attempt_id"]
    assert device.poll(fresh=True).json()["assignment"]["attempt_id"] == first
    pins.pin("edge-1", model="digits", version="1.0.0", actor=rows.OPERATOR)
    assert device.poll(fresh=True).json()["assignment"]["attempt_id"] != first


def test_the_next_stage_does_not_offer_anew_what_failed(device):
    rollout = rows.make_rollout(rows.make_version("2.0.0"), percents=(99, 100), salt="r1")
    rollouts.start(rollout.pk, actor=rows.OPERATOR)
    first = device.poll().json()["assignment"]["attempt_id"]
    device.report("failed")
    rollouts.advance(rollout.pk, actor=rows.OPERATOR)
    assert device.poll().json()["assignment"]["attempt_id"] == first


def test_a_device_that_runs_the_version_already_confirms_it_again_under_a_rollout(device):
    rows.make_version("2.0.0")
    pins.pin("edge-1", model="digits", version="2.0.0", actor=rows.OPERATOR)
    device.update()
    pins.unpin("edge-1", model="digits", actor=rows.OPERATOR)
    rollout = rows.make_rollout(rows.ModelVersion.objects.get(number="2.0.0"), percents=(100,))
    rollouts.start(rollout.pk, actor=rows.OPERATOR)
    device.update()
    assert Deployment.objects.filter(rollout=rollout, state="confirmed").count() == 1


def test_a_variant_with_other_bytes_is_another_offer(device):
    first = device.assignment["assignment"]["attempt_id"]
    variant = rows.Variant.objects.get()
    variant.file = rows.blob("built again")
    variant.save()
    assert device.poll().json()["assignment"]["attempt_id"] != first


def test_a_version_without_a_variant_for_the_device_is_never_offered(device):
    rows.point("stable", rows.make_version("2.0.0", targets=()))
    answer = device.poll(fresh=True)
    assert (answer.status_code, answer.headers["X-Reason"]) == (
        204,
        "version 2.0.0 (channel stable) has no ready variant for generic-cpu",
    )
    assert not Deployment.objects.filter(version__number="2.0.0").exists()


def test_deleting_a_device_takes_its_history_along(device):
    devices.delete("edge-1", actor=rows.OPERATOR)
    assert not Deployment.objects.exists()
