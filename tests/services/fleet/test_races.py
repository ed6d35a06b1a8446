"""Two acts that meet: polls with old decisions, channels and quarantine, locks in one order. Real threads where they matter."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from core.errors import DomainError
from fleet import deployments
from fleet.devices import pins
from fleet.devices import verbs as devices
from fleet.devices.subscriptions import Follow
from fleet.models import Deployment, Pin
from fleet.polls import answering, reading, resolving
from fleet.rollouts import steps
from fleet.rollouts import verbs as rollouts
from fleet.states import OPEN_DEPLOYMENT_STATES
from registry import channels
from registry.models import Channel
from registry.offers.offerable import VersionNotOfferable
from registry.versions import verbs as versions
from tests import fleet_rows as rows


def decide(device_id: str):
    known = reading.find_by_device(device_id, model=None)
    return known, resolving.resolve(known.facts)


def offer(found, *, now):
    known, decision = found
    return deployments.offer(answering.offer_of(decision), device_pk=known.device_pk, model_pk=known.model_pk, now=now)


@pytest.mark.django_db
def test_a_poll_that_was_overtaken_by_a_newer_one_leaves_the_device_with_offers():
    rows.point("stable", rows.make_version("1.0.0"))
    rows.make_device("edge-1")
    overtaken, began_at = decide("edge-1"), timezone.now()
    rows.point("stable", rows.make_version("2.0.0"))
    newer = decide("edge-1")
    offer(newer, now=began_at + timedelta(milliseconds=5))
    # The first poll waited for the device's row; what it read and its time are older than the second one's.
    offer(overtaken, now=began_at)
    assert offer(newer, now=began_at + timedelta(seconds=60)).version.number == "2.0.0"
    (open_one,) = Deployment.objects.filter(state__in=OPEN_DEPLOYMENT_STATES)
    assert open_one.version.number == "2.0.0"


@pytest.mark.django_db
def test_offers_go_on_when_the_clock_is_set_back(api):
    rows.point("stable", rows.make_version("1.0.0"))
    client = rows.DeviceClient(api(), rows.make_device("edge-1"))
    client.update()
    Deployment.objects.update(offered_at=timezone.now() + timedelta(hours=1))
    for number in ("2.0.0", "3.0.0", "4.0.0"):
        rows.point("stable", rows.make_version(number))
        assert client.poll().json()["version"] == number
        assert Deployment.objects.latest("offered_at").version.number == number


@pytest.mark.django_db(transaction=True)
def test_a_channel_is_not_moved_to_a_version_that_is_quarantined_meanwhile():
    first, second = rows.make_version("1.0.0"), rows.make_version("2.0.0")
    rows.point("stable", first)
    result = {}

    def put():
        try:
            channels.put(first.model, "stable", version=second, actor=rows.OPERATOR, if_match="*")
        except VersionNotOfferable as error:
            result["refused"] = error
        finally:
            connection.close()

    with transaction.atomic():
        rows.RegisteredModel.objects.select_for_update(no_key=True).get(pk=first.model_id)
        thread = threading.Thread(target=put)
        thread.start()
        wait_for_a_lock()
        versions.quarantine(rows.ModelVersion.objects.get(pk=second.pk), reason="crashes", actor=rows.OPERATOR)
    thread.join()
    assert "refused" in result
    assert Channel.objects.get().version_id == first.pk


@pytest.mark.django_db(transaction=True)
def test_changes_of_labels_and_subscriptions_never_wait_for_each_other_in_a_circle():
    rows.point("stable", rows.make_version("1.0.0", slug="first"))
    rows.point("stable", rows.make_version("1.0.0", slug="second"))
    for device_id in ("edge-1", "edge-2"):
        rows.make_device(device_id, model="first")
    failed = []

    def change(device_id: str, both: bool):
        try:
            for turn in range(30):
                other = Follow("second", "stable" if turn % 2 else "beta")
                follows = [Follow("first"), other] if both or not turn else None
                devices.change(device_id, actor=rows.OPERATOR, labels={"turn": str(turn)}, follows=follows)
        except OperationalError as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=pair) for pair in (("edge-1", True), ("edge-2", False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


@pytest.mark.django_db
def test_a_rollout_of_a_version_that_was_quarantined_does_not_go_on_as_if_nothing_were():
    rows.point("stable", rows.make_version("1.0.0"))
    rows.make_device("edge-1")
    rollout = rows.make_rollout(rows.make_version("2.0.0"))
    rollouts.start(rollout.pk, actor=rows.OPERATOR)
    # The roll-back on another channel listed its rollouts a moment before this one began.
    versions.quarantine(rollout.version, reason="Rolled back from digits/beta", actor=rows.OPERATOR)
    steps.take_all(now=timezone.now())
    rollout.refresh_from_db()
    assert rollout.state == "paused"
    assert "quarantined" in rollout.reason


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["quarantine", "delete"])
def test_nothing_is_pinned_to_a_version_that_is_withdrawn_meanwhile(act):
    first, second = rows.make_version("1.0.0"), rows.make_version("2.0.0")
    rows.point("stable", first)
    rows.make_device("edge-1")
    result = {}

    def pin():
        try:
            pins.pin("edge-1", model="digits", version="2.0.0", actor=rows.OPERATOR)
        except DomainError as error:
            result["refused"] = error.code
        finally:
            connection.close()

    with transaction.atomic():
        rows.RegisteredModel.objects.select_for_update(no_key=True).get(pk=first.model_id)
        if act == "delete":
            versions.delete(second, actor=rows.OPERATOR)
        thread = threading.Thread(target=pin)
        thread.start()
        wait_for_a_lock()
        if act == "quarantine":
            versions.quarantine(second, reason="crashes", actor=rows.OPERATOR)
    thread.join()
    assert result == {"refused": "cannot_pin" if act == "quarantine" else "unknown_version"}
    assert not Pin.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_no_rollout_is_drafted_of_a_version_that_is_deleted_meanwhile():
    rows.point("stable", rows.make_version("1.0.0"))
    second = rows.make_version("2.0.0")
    result = {}

    def draft():
        try:
            rows.make_rollout(second)
        except DomainError as error:
            result["refused"] = error.code
        finally:
            connection.close()

    with transaction.atomic():
        versions.delete(rows.ModelVersion.objects.get(pk=second.pk), actor=rows.OPERATOR)
        thread = threading.Thread(target=draft)
        thread.start()
        wait_for_a_lock()
    thread.join()
    assert result == {"refused": "unknown_version"}


def wait_for_a_lock() -> None:
    deadline = timezone.now() + timedelta(seconds=10)
    with connection.cursor() as cursor:
        while timezone.now() < deadline:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")
