from datetime import UTC, datetime, timedelta

import pytest
import redis

from fleet import tasks
from fleet.devices import last_seen
from fleet.models import Device
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clean(db):
    last_seen.forget()
    yield
    last_seen.forget()


def test_what_was_noted_is_written_in_bulk():
    first, second, silent = (rows.make_device(name) for name in ("a", "b", "c"))
    last_seen.note(first.pk, at=NOON)
    last_seen.note(first.pk, at=NOON + timedelta(seconds=9))
    last_seen.note(second.pk, at=NOON)
    assert tasks.flush_last_seen() == 2
    seen = dict(Device.objects.values_list("device_id", "last_seen_at"))
    assert seen == {"a": NOON + timedelta(seconds=9), "b": NOON, "c": None}
    assert silent.last_seen_at is None
    assert tasks.flush_last_seen() == 0


def test_a_time_never_goes_back():
    device = rows.make_device("a", last_seen_at=NOON)
    last_seen.note(device.pk, at=NOON - timedelta(hours=1))
    assert last_seen.flush() == 0
    device.refresh_from_db()
    assert device.last_seen_at == NOON


def test_what_an_interrupted_flush_left_is_written_by_the_next():
    device = rows.make_device("a")
    last_seen.note(device.pk, at=NOON)
    from django.conf import settings

    redis.Redis.from_url(settings.REDIS_URL).rename("fleet:last_seen", "fleet:last_seen:flushing")
    last_seen.note(device.pk, at=NOON + timedelta(seconds=5))
    assert [last_seen.flush(), last_seen.flush()] == [1, 1]
    device.refresh_from_db()
    assert device.last_seen_at == NOON + timedelta(seconds=5)


def test_a_device_that_is_gone_is_no_trouble():
    last_seen.note(10**12, at=NOON)
    assert last_seen.flush() == 0


def test_redis_down_never_fails_a_poll_and_a_flush_says_so_quietly(api, settings, monkeypatch, caplog):
    rows.point("stable", rows.make_version("1.0.0"))
    device = rows.DeviceClient(api(), rows.make_device("edge-1"))
    monkeypatch.setattr(last_seen._Circuit, "closed_until", 0.0)
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    assert [device.poll().status_code for _ in range(3)] == [200, 304, 304]
    assert last_seen.flush() == 0
    assert caplog.text.count("last seen is not noted") == 1


def test_a_device_that_sends_without_pause_is_noted_once_a_second():
    device = rows.make_device("a")
    for tenths in range(25):
        last_seen.note(device.pk, at=NOON + timedelta(seconds=tenths / 10))
    assert last_seen.flush() == 1
    device.refresh_from_db()
    assert device.last_seen_at == NOON + timedelta(seconds=2)


def test_a_device_is_noted_on_when_the_clock_is_set_back():
    device = rows.make_device("a")
    last_seen.note(device.pk, at=NOON + timedelta(hours=1))
    last_seen.note(device.pk, at=NOON)
    assert last_seen.flush() == 1
    device.refresh_from_db()
    assert device.last_seen_at == NOON
