"""The download: no byte twice, nothing believed, and no patience with a server that lies."""

import pytest

from edge_agent.server.failures import ServerTrouble, Throttled, Unreachable
from edge_agent.update.download import BudgetSpent
from tests.agent import tiny_models

FILE = "/files/digits-1.0.0/file"


@pytest.fixture
def release(server, publish):
    chosen = publish("1.0.0", file=tiny_models.classifier(1, padding_bytes=900_000))
    server.assign(chosen)
    return chosen


def ranges(server):
    return [request.headers.get("Range") for request in server.requests if request.path == FILE]


def test_a_cut_download_goes_on_where_it_stopped_even_after_a_restart(server, start, release):
    server.fail(FILE, "truncate", 500_000)
    agent = start()
    with pytest.raises(Unreachable):
        agent.sync()
    agent.close()

    assert start().sync() == ["updated"]

    first, second = ranges(server)
    assert first is None
    offset = int(second.removeprefix("bytes=").removesuffix("-"))
    assert 0 < offset <= 500_000


def test_a_server_without_ranges_is_read_from_the_start(server, start, release):
    server.fail(FILE, "truncate", 500_000)
    agent = start()
    with pytest.raises(Unreachable):
        agent.sync()
    server.fail(FILE, "no_range")

    assert agent.sync() == ["updated"]


def test_a_file_corrupted_on_the_way_is_fetched_once_more(server, start, release):
    server.fail(FILE, "corrupt")

    assert start().sync() == ["updated"]

    assert ranges(server) == [None, None]


def test_a_stalled_download_ends_by_the_time_limit(server, start, release):
    server.fail(FILE, "stall", 30)

    with pytest.raises(Unreachable, match="Timeout"):
        start(http_timeout_seconds=0.3).sync()


@pytest.mark.parametrize("status", [500, 503, 403, 404])
def test_a_file_server_in_trouble_is_asked_again(server, start, release, status):
    server.fail(FILE, "status", status)
    agent = start()
    with pytest.raises(ServerTrouble):
        agent.sync()

    assert agent.sync() == ["updated"]


def test_a_throttled_download_waits_as_long_as_it_is_told(server, start, release):
    server.fail(FILE, "status", 429, Retry_After="7")

    with pytest.raises(Throttled) as refusal:
        start().sync()

    assert refusal.value.retry_after_seconds == 7


def test_a_file_that_never_comes_is_given_up_and_reported(server, start, release):
    server.fail(FILE, "status", 500, times=100)
    agent = start()
    outcomes = []
    for _ in range(8):
        try:
            outcomes += agent.sync()
        except ServerTrouble:
            outcomes.append("trouble")

    assert outcomes == ["trouble"] * 7 + ["failed"]
    assert server.reports[-1]["detail"]["class"] == "download_failed"


def test_more_bytes_than_announced_are_not_kept(server, start, release, home):
    server.files["digits-1.0.0/file"] += b"x" * 1_000_000

    assert start().sync() == ["failed"]

    assert server.reports[-1]["detail"]["class"] == "download_failed"
    assert list(home.rglob("*.part")) == []


def test_fewer_bytes_than_announced_are_no_file(server, start, release):
    server.files["digits-1.0.0/file"] = server.files["digits-1.0.0/file"][:1000]
    agent = start()
    with pytest.raises(ServerTrouble):
        agent.sync()
    with pytest.raises(ServerTrouble, match="fewer bytes"):
        agent.sync()


def test_the_daily_budget_stops_a_download_and_the_next_day_goes_on(server, start, release, clock, home):
    agent = start(daily_download_bytes=700_000)
    with pytest.raises(BudgetSpent):
        agent.sync()
    agent.close()
    agent = start(daily_download_bytes=700_000)
    with pytest.raises(BudgetSpent):
        agent.sync()
    kept = next(home.rglob("*.part")).stat().st_size
    assert 0 < kept <= 700_000

    clock.seconds += 86_400

    assert agent.sync() == ["updated"]
    assert ranges(server)[-1] == f"bytes={kept}-"


def test_partial_files_of_other_models_are_cleared_away(server, start, publish, release, home):
    server.fail(FILE, "truncate", 500_000)
    agent = start()
    with pytest.raises(Unreachable):
        agent.sync()
    assert len(list(home.rglob("*.part"))) == 1

    server.assign(publish("2.0.0"))
    agent.sync()

    assert list(home.rglob("*.part")) == []


def test_telemetry_and_heartbeats_go_on_during_a_long_download(server, start, release):
    server.fail(FILE, "slow", 20_000)
    agent = start(heartbeat_seconds=0.05)
    agent.store.record([{"timestamp": 1.0}], model="digits", version="0.9.0")
    agent.poll(None)

    assert server.heartbeats
    assert len(server.records) == 1
