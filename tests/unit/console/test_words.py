from datetime import UTC, datetime, timedelta

import pytest

from console.formats import quantities, times, words
from console.templatetags import console


@pytest.mark.parametrize(
    ("size_bytes", "written"),
    [(None, "—"), (0, "0 B"), (999, "999 B"), (14_250, "14.2 kB"), (118_592, "119 kB"), (8_589_934_592, "8.59 GB")],
)
def test_sizes_are_written_with_three_digits(size_bytes, written):
    assert quantities.size(size_bytes) == written


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (timedelta(seconds=1), "just now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=90), "1 h ago"),
        (timedelta(days=3), "3 d ago"),
        (timedelta(minutes=-5), "in 5 min"),
        (timedelta(seconds=-(24 * 3600 - 1)), "in 24 h"),
    ],
)
def test_times_are_written_as_their_distance(length, written):
    assert times.distance(length) == written


@pytest.mark.parametrize(("value", "written"), [(None, "—"), (0.0104, "10 µs"), (4.806, "4.81 ms"), (1500.0, "1.5 s")])
def test_latencies_are_written_in_the_unit_that_fits(value, written):
    assert quantities.milliseconds(value) == written


@pytest.mark.parametrize(
    ("name", "value", "fact", "described"),
    [
        ("memory_used_ratio", 0.09300000000000001, "memory used", "9.3 %"),
        ("cpu_count", 2, "CPU count", "2"),
        ("ram_bytes", 25_276_502_016, "RAM", "25.3 GB"),
        ("architecture", "x86_64", "architecture", "x86_64"),
    ],
)
def test_facts_of_a_device_are_written_for_people(name, value, fact, described):
    assert (words.fact(name), words.described(value, name)) == (fact, described)


def test_nothing_is_written_as_minus_zero():
    assert quantities.number(-0.012, 1) == "0.0"
    assert quantities.number(-1234.56, 1) == "-1,234.6"


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
    assert words.actor("person:ann") == "ann"
    assert words.actor("token:ci") == "ci (API token)"
    assert words.actor("system:modelfleet") == "Modelfleet"


def test_a_part_of_nothing_has_no_width():
    assert quantities.share(3, 0) == "0.00%"
    assert quantities.share(1, 4) == "25.00%"


def test_pairs_are_those_of_the_mapping_whatever_its_keys_are():
    assert console.pairs({"items": "abc", "keys": 1}) == [("items", "abc"), ("keys", 1)]
    assert [console.pairs(value) for value in (None, "", "items", 5, ["items"])] == [[]] * 5


def test_only_a_list_has_rows():
    assert console.listed([1, "items"]) == [1, "items"]
    assert [console.listed(value) for value in (None, "", "items", 5, {"items": 1})] == [[]] * 5
