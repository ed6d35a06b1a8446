"""Beat and clocks: what it remembers of the future is no reason to wait for it."""

import time
from datetime import timedelta

import pytest
from celery import Celery

from config.beat import SteadyScheduler

TASKS = ["roll up", "advance", "sweep"]


@pytest.fixture
def scheduler(tmp_path):
    app = Celery("clocks", broker="memory://", fixups=[])
    app.conf.beat_schedule = {name: {"task": name, "schedule": 0.05} for name in TASKS}
    found = SteadyScheduler(app, schedule_filename=str(tmp_path / "schedule"))
    yield found
    found.close()


def tick_for(scheduler, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(0.02, max(0.0, scheduler.tick())))
    return {name: entry.total_run_count for name, entry in scheduler.schedule.items() if name in TASKS}


def test_every_hint_goes_on_when_the_clock_is_set_back(scheduler):
    tick_for(scheduler, 0.2)
    # As an hour's step back leaves it: all that was noted lies ahead, and so does the order that it waits in.
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(hours=1)
        entry.total_run_count = 0
    scheduler.populate_heap()
    assert all(count >= 2 for count in tick_for(scheduler, 1).values())


def test_a_damaged_schedule_is_begun_anew(tmp_path):
    (tmp_path / "schedule").write_bytes(b"\x00 no database" * 100)
    app = Celery("clocks", broker="memory://", fixups=[])
    app.conf.beat_schedule = {"sweep": {"task": "sweep", "schedule": 60}}
    found = SteadyScheduler(app, schedule_filename=str(tmp_path / "schedule"))
    assert "sweep" in found.schedule
    found.close()
