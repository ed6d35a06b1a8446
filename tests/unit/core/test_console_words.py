from datetime import UTC, datetime, timedelta

import pytest

from core.templatetags import console


@pytest.mark.parametrize(
    ("size_bytes", "written"),
    [(None, "—"), (0, "0 B"), (999, "999 B"), (14_250, "14.2 kB"), (118_592, "119 kB"), (8_589_934_592, "8.59 GB")],
)
def test_sizes_are_written_with_three_digits(size_bytes, written):
    assert console.size(size_bytes) == written


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (timedelta(seconds=1), "just now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=90), "1 h ago"),
        (timedelta(days=3), "3 d ago"),
        (timedelta(minutes=-5), "in 5 min"),
    ],
)
def test_times_are_written_as_their_distance(length, written):
    assert console.distance(length) == written


@pytest.mark.parametrize(("value", "written"), [(None, "—"), (0.0104, "10 µs"), (4.806, "4.81 ms"), (1500.0, "1.5 s")])
def test_latencies_are_written_in_the_unit_that_fits(value, written):
    assert console.milliseconds(value) == written


def test_a_time_has_its_exact_self_in_the_title():
    at = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
    assert 'title="2026-05-04 12:30:00 UTC"' in console.ago(at)
    assert console.ago(None) == "never"


def test_what_is_not_known_looks_unlike_what_is_good():
    assert "badge-good" in console.badge("ok")
    assert "badge-unknown" in console.badge("insufficient")
    assert "badge-unknown" in console.badge("no_baseline")


def test_a_badge_shows_markup_as_text():
    assert "<b>" not in console.badge("ok", "<b>")


def test_actors_are_written_as_people_say_them():
    assert console.actor("person:ann") == "ann"
    assert console.actor("token:ci") == "ci (API token)"
    assert console.actor("system:modelfleet") == "Modelfleet"


def test_a_part_of_nothing_has_no_width():
    assert console.share(3, 0) == "0.00%"
    assert console.share(1, 4) == "25.00%"
