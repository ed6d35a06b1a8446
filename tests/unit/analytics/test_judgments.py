from datetime import UTC, datetime, timedelta

import pytest

from analytics.drift import class_changes, scopes, windows
from analytics.drift.statistics import comparison, confidence, latency, severity
from analytics.drift.statistics.comparison import BinShare, Reference
from analytics.drift.statistics.severity import Status
from ingest.roll_ups.keys import FLEET, Scope
from registry.baselines import histograms


@pytest.mark.parametrize(
    ("psi_adjusted", "q_value", "status"),
    [
        (0.0, 1.0, "ok"),
        (0.1, 0.0, "ok"),
        (0.11, 0.0, "watch"),
        (0.2, 0.0, "watch"),
        (0.21, 0.0099, "medium"),
        (0.21, 0.01, "watch"),
        (0.4, 0.0, "medium"),
        (0.41, 0.0, "high"),
        (9.0, 0.5, "watch"),
    ],
)
def test_severity_needs_size_and_significance(psi_adjusted, q_value, status):
    assert severity.of_classes(psi_adjusted, q_value=q_value) == status


@pytest.mark.parametrize(("bins", "overdispersion", "required"), [(3, 1.0, 200), (21, 1.0, 210), (11, 20.0, 4000)])
def test_the_samples_required_grow_with_bins_and_overdispersion(bins, overdispersion, required):
    assert severity.required_samples(bins=bins, overdispersion=overdispersion) == required


@pytest.mark.parametrize(
    ("drop", "standard_error", "samples", "status"),
    [
        (0.2, 0.001, 99, "insufficient"),
        (0.05, 0.001, 100, "ok"),
        (0.06, 0.001, 100, "medium"),
        (0.06, 0.02, 100, "ok"),
        (0.11, 0.001, 100, "high"),
        (-0.3, 0.001, 100, "ok"),
    ],
)
def test_confidence_alarms_on_a_large_and_certain_fall_only(drop, standard_error, samples, status):
    found = severity.of_confidence(drop, standard_error=standard_error, samples=samples, overdispersion=1.0)
    assert found == status


def test_comparisons_judged_together_share_the_false_discoveries():
    reference = Reference.of({"0": 60, "1": 60})
    one = comparison.compare({"0": 156, "1": 48}, reference=reference, overdispersion=1.0)
    quiet = comparison.compare({"0": 102, "1": 102}, reference=reference, overdispersion=1.0)
    small = comparison.compare({"0": 5}, reference=reference, overdispersion=1.0)
    alone = comparison.judge({"one": one, "small": small})
    crowded = comparison.judge({"one": one} | dict.fromkeys(range(10000), quiet))
    assert alone["one"].status.is_alarm
    assert alone["small"] == comparison.Judgment(Status.INSUFFICIENT, None)
    assert crowded["one"].q_value == pytest.approx(10_001 * alone["one"].q_value)
    assert crowded["one"].status == "watch"


def test_confidence_is_compared_bin_by_bin_so_that_equal_histograms_have_no_drop():
    counts = [0] * 18 + [100, 300]
    found = confidence.summarize(counts, baseline=[5 * count for count in counts], overdispersion=1.0)
    assert (found.status, found.drop) == ("ok", 0)
    assert found.mean == pytest.approx(0.9625)


def test_confidence_without_either_side_has_no_drop():
    empty = [0] * 20
    some = [0] * 19 + [500]
    assert confidence.summarize(empty, baseline=some, overdispersion=1.0).status == "insufficient"
    assert confidence.summarize(some, baseline=None, overdispersion=1.0).status == "no_baseline"
    assert confidence.summarize(some, baseline=None, overdispersion=1.0).mean == pytest.approx(0.975)


def test_latency_is_within_one_percent_of_the_records():
    import numpy as np

    times = np.random.default_rng(1).lognormal(2, 0.7, size=20_000)
    bins, numbers = np.unique(histograms.latency_bins(times), return_counts=True)
    found = latency.summarize(dict(zip(bins.tolist(), numbers.tolist(), strict=True)))
    for share, value in ((0.5, found.p50_ms), (0.95, found.p95_ms), (0.99, found.p99_ms)):
        assert value == pytest.approx(np.quantile(times, share), rel=0.0101)
    assert found.mean_ms == pytest.approx(times.mean(), rel=0.01)
    assert latency.summarize({}).p50_ms is None


def test_a_window_covers_every_bucket_that_it_overlaps():
    hour = timedelta(hours=1)
    at = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
    found = windows.Window.ending(at, length=hour, bucket=hour)
    assert (found.start_at.hour, found.end_at.hour) == (11, 13)
    on_the_hour = windows.Window.ending(at.replace(minute=0), length=hour, bucket=hour)
    assert (on_the_hour.start_at.hour, on_the_hour.end_at.hour) == (11, 13)
    short = windows.Window.ending(at, length=timedelta(seconds=1), bucket=hour)
    assert (short.start_at.hour, short.end_at.hour) == (12, 13)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (FLEET, "across the fleet"),
        (Scope("label", "site=osaka"), "at site=osaka"),
        (Scope("target", "rk3588"), "on rk3588"),
        (Scope("device", "edge-1"), "on device edge-1"),
    ],
)
def test_a_scope_ends_a_sentence(scope, words):
    assert scopes.describe(scope) == words


@pytest.mark.parametrize(
    ("bins", "words"),
    [
        ([("8", 0.1, 0.4, 0.9), ("3", 0.1, 0.4, 0.8), ("1", 0.8, 0.2, 0.7)], "classes 3 and 8 grew, class 1 shrank"),
        ([("unseen", 0.0, 0.4, 4.0), ("1", 1.0, 0.6, 0.1)], "classes unknown to the baseline grew"),
        ([("other", 0.1, 0.5, 2.0), ("4", 0.1, 0.2, 1.0)], "class 4 and the rare classes grew"),
        ([("1", 0.5, 0.5, 0.0)], "no single class stands out"),
    ],
)
def test_the_classes_that_make_the_index_are_named(bins, words):
    assert class_changes.describe([BinShare(*row) for row in bins]) == words
