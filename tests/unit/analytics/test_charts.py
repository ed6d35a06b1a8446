"""What the console is told to draw."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.drift.statistics.comparison import BinShare
from analytics.drift.statistics.severity import THRESHOLDS
from analytics.drift.version_drift import Series, SeriesPoint
from analytics.drift.windows import Window
from analytics.web import charts
from ingest.roll_ups.keys import FLEET

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def point(psi: float | None, *, is_sufficient: bool = True, plain: float | None = None, noise: float | None = None):
    return SeriesPoint(
        start_at=NOON,
        end_at=NOON + timedelta(hours=1),
        samples=1000 if is_sufficient else 4,
        is_sufficient=is_sufficient,
        psi_raw=psi if plain is None else plain,
        psi_adjusted=psi,
        noise_band=noise,
    )


def top_of(points):
    window = Window(NOON, NOON + timedelta(hours=1))
    series = Series("digits", "1.0.0", FLEET, window, None, 1.0, THRESHOLDS, points)
    return charts.describe_series(series)["top"]


def test_the_highest_judged_value_leaves_some_room_above_it():
    assert top_of([point(0.1), point(2.0)]) == pytest.approx(2.3)
    assert top_of([point(1.0, plain=2.0)]) == pytest.approx(2.3)
    assert top_of([point(1.0, noise=2.0)]) == pytest.approx(2.3)


def test_both_thresholds_are_always_in_sight():
    assert top_of([]) == top_of([point(0.01)]) == top_of([point(None)]) == 0.5


def test_a_bucket_with_too_few_inferences_does_not_set_the_scale():
    judged = [point(0.4), point(0.6)]
    assert top_of([*judged, point(9.0, is_sufficient=False, noise=12.0)]) == top_of(judged)
    assert top_of([point(9.0, is_sufficient=False)]) == 0.5


def test_classes_are_drawn_by_number_and_other_bins_after_them():
    bins = [BinShare(name, 0.25, 0.25, 0.0) for name in ("unseen", "10", "other", "-1", "2")]
    assert [pair.label for pair in charts.describe_classes(bins).pairs] == ["-1", "2", "10", "other", "unseen"]
    assert [bar.label for bar in charts.describe_contributions(bins).bars] == ["-1", "2", "10", "other", "unseen"]
