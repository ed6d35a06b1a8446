from datetime import timedelta

import pytest

from analytics import baselines
from core.actors import SYSTEM
from core.errors import DomainError
from ingest.roll_ups import counting
from registry.baselines.histograms import statistics_of
from tests.telemetry_rows import NOON, add_telemetry, add_version, records

pytestmark = pytest.mark.django_db


def create(hours: int = 24):
    return baselines.create_from_telemetry(add_version(), length=timedelta(hours=hours), actor=SYSTEM, at=NOON)


def test_telemetry_makes_the_baseline_that_its_records_would_make(settings):
    settings.ROLLUP_BUCKET = timedelta(hours=1)
    sent = records({0: 30, 5: 7, -1: 3}, confidence=0.41, latency_ms=12.5)
    add_telemetry(sent)
    add_telemetry(records({8: 9}, at=NOON - timedelta(hours=30)))
    made = create()
    statistics = dict(made.statistics)
    assert statistics.pop("id") == str(made.pk)
    assert statistics == statistics_of(sent)


def test_no_telemetry_is_refused_by_name():
    with pytest.raises(DomainError) as refusal:
        create()
    assert refusal.value.code == "no_telemetry"


def test_more_classes_than_are_counted_one_by_one_are_refused():
    add_telemetry(records(dict.fromkeys(range(counting.MAX_CLASS_IDS + 5), 1)))
    with pytest.raises(DomainError) as refusal:
        create()
    assert refusal.value.code == "too_many_classes"
