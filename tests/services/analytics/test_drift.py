from datetime import timedelta

import pytest

from analytics.drift import version_drift
from analytics.drift.queries import VersionName
from core.errors import Missing
from ingest.roll_ups.keys import FLEET, Scope
from tests.telemetry_rows import MODEL, NOON, VERSION, add_baseline, add_telemetry, add_version, records

pytestmark = pytest.mark.django_db
DAY = timedelta(hours=24)
VERSION_NAME = VersionName(MODEL, VERSION)


@pytest.fixture(autouse=True)
def _fixed_settings(settings):
    settings.ROLLUP_BUCKET = timedelta(hours=1)
    settings.DRIFT_OVERDISPERSION = 1.0


def drift_of(scope=FLEET, *, length=DAY, at=NOON):
    return version_drift.get(VERSION_NAME, scope=scope, length=length, at=at)


def test_a_window_like_the_baseline_is_ok():
    add_baseline(records({0: 500, 1: 500}))
    add_telemetry(records({0: 505, 1: 495}))
    found = drift_of()
    assert (found.status, found.samples, found.baseline.samples) == ("ok", 1000, 1000)
    assert found.psi_raw == pytest.approx(0.0001, abs=1e-5)
    assert found.psi_adjusted == 0


def test_a_shifted_window_is_high_and_its_bins_say_why():
    add_baseline(records({0: 500, 1: 500}))
    add_telemetry(records({0: 900, 1: 50, 7: 50}))
    found = drift_of()
    assert found.status == "high"
    assert [row.bin for row in found.bins] == ["0", "1", "unseen"]
    assert [row.current for row in found.bins] == [0.9, 0.05, 0.05]
    assert sum(row.contribution for row in found.bins) == pytest.approx(found.psi_raw, abs=1e-12)


def test_a_small_window_is_insufficient_however_large_its_index():
    add_baseline(records({0: 500, 1: 500}))
    add_telemetry(records({0: 199}))
    found = drift_of()
    assert found.psi_raw > 1
    assert (found.status, found.required_samples) == ("insufficient", 200)


def test_overdispersion_raises_the_samples_that_are_needed(settings):
    settings.DRIFT_OVERDISPERSION = 20.0
    add_baseline(records({0: 500, 1: 500}))
    add_telemetry(records({0: 3999}))
    assert drift_of().status == "insufficient"


def test_without_a_baseline_samples_are_given_and_nothing_is_judged():
    add_version()
    add_telemetry(records({0: 300}))
    found = drift_of()
    assert (found.status, found.samples, found.psi_raw, found.bins) == ("no_baseline", 300, None, [])
    assert found.latency.current.samples == 300


def test_without_traffic_the_version_is_insufficient_and_has_no_index():
    add_baseline(records({0: 500}))
    found = drift_of()
    assert (found.status, found.samples, found.psi_raw) == ("insufficient", 0, None)


def test_an_unregistered_version_is_known_by_its_telemetry_alone():
    with pytest.raises(Missing):
        drift_of()
    add_telemetry(records({0: 300}))
    assert drift_of().status == "no_baseline"


def test_the_window_is_every_bucket_that_overlaps_it():
    add_baseline(records({0: 500}))
    for hours in (0.5, -23, -24.9, -25):
        add_telemetry(records({0: 1}, at=NOON + timedelta(hours=hours) - timedelta(minutes=30)))
    found = drift_of()
    assert (found.window.start_at, found.window.end_at) == (
        NOON - timedelta(hours=24, minutes=30),
        NOON + timedelta(minutes=30),
    )
    assert found.samples == 2


def test_buckets_from_before_a_change_of_their_length_count_while_they_overlap(settings):
    add_telemetry(records({0: 30}, at=NOON - timedelta(minutes=29)))  # 12:01, in the bucket of 12:00–13:00
    add_telemetry(records({0: 500}, at=NOON - timedelta(hours=1)))  # in that of 11:00–12:00, which is over
    settings.ROLLUP_BUCKET = timedelta(seconds=10)
    add_version()
    found = drift_of(length=timedelta(minutes=10))
    assert (found.window.start_at, found.samples) == (NOON - timedelta(minutes=10), 30)
    series = version_drift.get_series(VERSION_NAME, scope=FLEET, length=timedelta(minutes=10), at=NOON)
    assert [point.samples for point in series.points] == [30]


@pytest.mark.parametrize(
    ("scope", "samples"),
    [
        (FLEET, 600),
        (Scope("target", "rk3588"), 200),
        (Scope("label", "site=osaka"), 400),
        (Scope("device", "edge-3"), 300),
        (Scope("device", "nobody"), 0),
    ],
)
def test_one_scope_at_a_time_is_compared_with_its_devices(scope, samples):
    add_baseline(records({0: 500, 1: 500}))
    add_telemetry(records({0: 100}), device_id="edge-1", target="rk3588", labels={"site": "osaka"})
    add_telemetry(records({0: 100}), device_id="edge-2", target="rk3588", labels={"site": "kyoto"})
    add_telemetry(records({0: 150, 1: 150}), device_id="edge-3", labels={"site": "osaka"})
    add_telemetry(records({0: 100}), device_id="edge-4")
    found = drift_of(scope)
    assert found.samples == samples
    assert sum(row.samples for row in found.devices.worst) == samples


def test_devices_come_worst_first_and_the_drifting_are_counted():
    add_baseline(records({0: 500, 1: 500}))
    for number, zeros in enumerate((250, 300, 490)):
        add_telemetry(records({0: zeros, 1: 500 - zeros}), device_id=f"edge-{number}")
    found = drift_of().devices
    assert [row.device_id for row in found.worst] == ["edge-2", "edge-1", "edge-0"]
    assert (found.total, found.drifting) == (3, 1)


def test_the_series_has_a_point_per_bucket_with_data():
    add_baseline(records({0: 500, 1: 500}))
    add_telemetry(records({0: 500, 1: 500}, at=NOON - timedelta(hours=5)))
    add_telemetry(records({0: 990, 1: 10}))
    found = version_drift.get_series(VERSION_NAME, scope=FLEET, length=DAY, at=NOON)
    assert [(row.start_at.hour, row.end_at.hour, row.samples) for row in found.points] == [(7, 8, 1000), (12, 13, 1000)]
    assert found.points[0].psi_adjusted == 0
    assert found.points[1].psi_adjusted > found.thresholds.high
    assert found.points[0].noise_band == pytest.approx(2 * (1 / 1000 + 1 / 1000))


def test_confidence_and_latency_are_summarized_beside_the_baseline():
    add_baseline(records({0: 500, 1: 500}, confidence=0.92, latency_ms=5))
    add_telemetry(records({0: 300}, confidence=0.62, latency_ms=20), target="rk3588")
    add_telemetry(records({1: 300}, confidence=0.62, latency_ms=40), device_id="edge-2", target="rk3588")
    found = drift_of()
    assert found.confidence.status == "high"
    assert found.confidence.drop == pytest.approx(0.3)
    assert found.latency.baseline.p50_ms == pytest.approx(5, rel=0.01)
    assert found.latency.current.mean_ms == pytest.approx(30, rel=0.01)
    assert found.latency.by_target["rk3588"].p99_ms == pytest.approx(40, rel=0.01)
