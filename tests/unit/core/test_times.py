from datetime import UTC, datetime, timedelta, timezone

from core.formats.times import rfc3339

NOON = datetime(2026, 5, 4, 12, 30, 15, 250_000, tzinfo=UTC)


def test_a_time_is_written_in_utc_with_a_z():
    assert rfc3339(NOON.astimezone(timezone(timedelta(hours=9)))) == "2026-05-04T12:30:15.250000Z"


def test_a_time_has_the_digits_that_are_asked_for():
    assert rfc3339(NOON, timespec="seconds") == "2026-05-04T12:30:15Z"
    assert rfc3339(NOON, timespec="milliseconds") == "2026-05-04T12:30:15.250Z"


def test_no_time_is_none():
    assert rfc3339(None) is None
