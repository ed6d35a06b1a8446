"""How far up the PSI chart reaches."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.drift.report import SeriesPoint
from analytics.web import charts

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


def test_the_highest_judged_value_leaves_some_room_above_it():
    assert charts.choose_top([point(0.1), point(2.0)]) == pytest.approx(2.3)
    assert charts.choose_top([point(1.0, plain=2.0)]) == pytest.approx(2.3)
    assert charts.choose_top([point(1.0, noise=2.0)]) == pytest.approx(2.3)


def test_both_thresholds_are_always_in_sight():
    assert charts.choose_top([]) == charts.choose_top([point(0.01)]) == charts.choose_top([point(None)]) == 0.5


def test_a_bucket_with_too_few_inferences_does_not_set_the_scale():
    judged = [point(0.4), point(0.6)]
    assert charts.choose_top([*judged, point(9.0, is_sufficient=False, noise=12.0)]) == charts.choose_top(judged)
    assert charts.choose_top([point(9.0, is_sufficient=False)]) == 0.5
