"""Telemetry: kept until answered, sent unchanged, bounded, and never lost without a count."""

import contextlib
import gzip
import json
import shutil
import threading

import pytest

from edge_agent.server.client import Client
from edge_agent.server.failures import ServerRefusal, ServerTrouble, Throttled
from edge_agent.telemetry.sender import Sender
from edge_agent.telemetry.store import STORE_FILE, Store


def record(store, first, count=1):
    for number in range(first, first + count):
        store.record([{"timestamp": 1.0 + number, "request_hash": str(number)}], model="digits", version="1.0.0")


def numbers(records):
    return [int(entry["request_hash"]) for entry in records]


@pytest.fixture
def store(home):
    opened = Store(home, durability="FULL")
    yield opened
    opened.close()


@pytest.fixture
def sender(server, store):
    client = Client(server.url, timeout_seconds=2)
    client.token = "token"
    server.tokens["token"] = "edge-1"
    yield Sender(store, client=client, device_id="edge-1", batch_size=10)
    client.close()


def test_records_are_sent_in_order_in_numbered_batches(server, store, sender):
    record(store, 0, 25)

    assert sender.send_all() == 25

    assert numbers(server.records) == list(range(25))
    assert sorted(number for _, number in server.batches) == [1, 2, 3]
    assert {stream for stream, _ in server.batches} == {store.stream}
    assert store.read_counters() == {"waiting": 0, "answered": 25}


def test_a_batch_whose_answer_was_lost_is_sent_again_byte_for_byte(server, store, sender):
    record(store, 0, 5)
    server.fail("/api/ingest", "answer_lost")
    with pytest.raises(ServerTrouble):
        sender.send_all()
    record(store, 5, 5)

    assert sender.send_all() == 10

    assert numbers(server.records) == list(range(10))
    assert server.duplicates == 1


@pytest.mark.parametrize("status", [500, 503, 401, 403, 404])
def test_a_server_in_trouble_costs_no_record(server, store, sender, status):
    record(store, 0, 5)
    server.fail("/api/ingest", "status", status)
    with pytest.raises((ServerTrouble, ServerRefusal)):
        sender.send_all()

    assert sender.send_all() == 5
    assert numbers(server.records) == list(range(5))


def test_over_the_rate_the_wait_is_the_servers(server, store, sender):
    record(store, 0)
    server.fail("/api/ingest", "status", 429, Retry_After="30")
    with pytest.raises(Throttled) as refusal:
        sender.send_all()
    assert refusal.value.retry_after_seconds == 30


def test_a_batch_that_is_too_large_is_split_until_it_fits(server, store, sender):
    server.max_records = 3
    record(store, 0, 10)

    sender.send_all()

    assert sorted(numbers(server.records)) == list(range(10))
    assert store.read_counters() == {"waiting": 0, "answered": 10}
    assert (store.stream, 1) not in server.batches


def test_a_record_that_is_too_large_alone_is_dropped_and_counted(server, store, sender, caplog):
    server.max_records = 0
    record(store, 0, 2)

    sender.send_all()

    assert store.read_counters() == {"waiting": 0, "dropped_413": 2}
    assert "dropped" in caplog.text


def test_a_number_that_holds_something_else_there_is_dropped_loudly(server, store, sender, caplog):
    server.batches[store.stream, 1] = "another digest"
    record(store, 0, 12)

    sender.send_all()

    assert numbers(server.records) == [10, 11]
    assert store.read_counters() == {"waiting": 0, "answered": 2, "dropped_409": 10}
    assert "dropped" in caplog.text


def test_a_body_cut_on_the_way_is_sent_again_and_a_senseless_one_dropped_in_the_end(server, store, sender):
    record(store, 0, 2)
    server.fail("/api/ingest", "status", 400, times=2)
    for _ in range(2):
        with pytest.raises(ServerRefusal):
            sender.send_all()
    assert sender.send_all() == 2

    record(store, 2, 2)
    server.fail("/api/ingest", "status", 400, times=5)
    for _ in range(4):
        with pytest.raises(ServerRefusal):
            sender.send_all()
    sender.send_all()
    assert store.read_counters()["dropped_400"] == 2


def test_refused_records_end_their_batch_and_are_logged(server, store, sender, caplog):
    record(store, 0, 2)
    server.fail("/api/ingest", "status", 422)

    assert sender.send_all() == 2

    assert store.read_counters() == {"waiting": 0, "answered": 2}


def test_the_oldest_are_sampled_out_and_counted_when_nobody_takes_them(home, server, sender):
    store = Store(home, max_records=200)
    record(store, 0, 1_000)

    counters = store.read_counters()
    assert counters["waiting"] <= 200
    assert counters["waiting"] + counters["sampled_out"] == 1_000
    sender.send_all()
    left = numbers(server.records)
    assert len(left) == counters["waiting"]
    assert left[-100:] == list(range(900, 1_000))  # the newest are whole
    assert left[0] == 0  # of the oldest a trace is left
    store.close()


def test_sending_ends_although_the_application_never_pauses(store, home, sender):
    record(store, 0, 20)
    stop = threading.Event()

    def infer_without_a_pause():
        with contextlib.closing(Store(home)) as application:
            while not stop.is_set():
                record(application, 1_000)

    worker = threading.Thread(target=infer_without_a_pause)
    worker.start()
    try:
        assert 20 <= sender.send_all() < 1_000
    finally:
        stop.set()
        worker.join()


def test_a_damaged_file_is_set_aside_and_a_new_stream_begins(home):
    store = Store(home)
    record(store, 0, 3)
    before = store.stream
    store.close()
    (home / STORE_FILE).write_bytes(b"bit rot" * 2_000)

    store = Store(home)

    assert store.stream != before
    assert list(home.glob("telemetry.db.damaged-*"))
    store.close()


def test_a_sealed_batch_survives_any_torn_tail_of_the_log(home, tmp_path):
    """Power is cut after a batch was sealed (and perhaps sent): whatever is lost behind it, its bytes are the same."""
    store = Store(home, durability="FULL")
    record(store, 0, 5)
    sealed = store.seal(device_id="edge-1", most_records=10)
    log = home / f"{STORE_FILE}-wal"
    durable = log.stat().st_size
    application = Store(home)
    record(application, 5, 3)
    whole = log.read_bytes()
    assert len(whole) > durable

    for size in range(durable, len(whole) + 1, 997):
        place = tmp_path / f"torn-{size}"
        place.mkdir()
        shutil.copy(home / STORE_FILE, place)
        (place / log.name).write_bytes(whole[:size])
        survivor = Store(place, durability="FULL")
        assert survivor.seal(device_id="edge-1", most_records=10) == sealed
        survivor.settle(sealed, counted_as="answered")
        following = survivor.seal(device_id="edge-1", most_records=10)
        assert following is None or following.number == sealed.number + 1
        survivor.close()
    application.close()
    store.close()


def test_what_is_sent_is_what_the_contract_says(store):
    record(store, 0, 2)
    batch = store.seal(device_id="edge-1", most_records=10)

    body = json.loads(gzip.decompress(batch.body))

    assert set(body) == {"device_id", "stream", "batch", "records"}
    assert (body["device_id"], body["stream"], body["batch"]) == ("edge-1", store.stream, 1)
    assert store.seal(device_id="another", most_records=1) == batch


def test_the_agents_transactions_are_durable_and_the_applications_cheap(home):
    for durability, code in (("FULL", 2), ("NORMAL", 1)):
        store = Store(home, durability=durability)
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (code,)
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        store.close()


def test_a_failed_write_leaves_nothing_behind(store):
    with pytest.raises(ValueError, match="JSON"):
        store.record([{"timestamp": 1.0}, {"timestamp": float("nan")}], model="digits", version="1.0.0")

    assert store.read_counters() == {}
