import json

import pytest

from ingest.landing import envelope
from ingest.landing.envelope import MalformedBatch

GOOD = {
    "timestamp": 1.5,
    "latency_ms": 2,
    "model_version": "1.0.0",
    "confidence": 0.5,
    "class_id": 3,
    "request_hash": "x",
}


def body(*records, **more):
    return json.dumps({"device_id": "edge-1", "records": list(records), **more}).encode()


def test_a_good_batch_is_accepted_whole():
    batch = envelope.parse(body(GOOD, GOOD))
    assert (batch.device_id, batch.accepted_count, batch.refusals) == ("edge-1", 2, ())
    assert len(envelope.read_records(body(GOOD, GOOD), refused=[])) == 2


def test_unknown_fields_are_ignored_everywhere():
    assert envelope.parse(body(GOOD | {"new": {}}, schema=9)).accepted_count == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"latency_ms": -1}, "latency_ms"),
        ({"confidence": 1.01}, "confidence"),
        ({"confidence": "high"}, "confidence"),
        ({"class_id": 1.5}, "class_id"),
        ({"class_id": 2**63}, "class_id"),
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"model_version": ""}, "model_version"),
        ({"features": ["a"]}, "features"),
    ],
)
def test_a_bad_record_is_refused_by_index_and_field_and_the_good_ones_kept(change, field):
    text = body(GOOD, GOOD | change, GOOD)
    batch = envelope.parse(text)
    assert batch.accepted_count == 2
    assert [(refusal.index, refusal.field) for refusal in batch.refusals] == [(1, field)]
    assert len(envelope.read_records(text, refused=[1])) == 2


def test_a_missing_field_is_named():
    broken = {key: value for key, value in GOOD.items() if key != "latency_ms"}
    assert envelope.parse(body(broken)).refusals[0].field == "latency_ms"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_no_json_are_refused(number):
    text = body(GOOD).replace(b"0.5", number.encode())
    try:
        assert envelope.parse(text).accepted_count == 0
    except MalformedBatch:
        assert number != "1e999"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"device_id": "x"}',
        b'{"records": []}',
        b'{"device_id": 5, "records": []}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_batch_is_refused(text):
    with pytest.raises(MalformedBatch):
        envelope.parse(text)


def test_stream_and_number_go_together():
    stream = "9f1c3c6e-0b53-4c43-9d0f-0d8a2f1f6d11"
    assert envelope.parse(body(GOOD, stream=stream, batch=7)).number == 7
    for half in ({"stream": stream}, {"batch": 7}, {"stream": "nonsense", "batch": 7}, {"stream": stream, "batch": -1}):
        with pytest.raises(MalformedBatch):
            envelope.parse(body(GOOD, **half))


@pytest.mark.parametrize("field", ["model_version", "model_id"])
def test_nul_in_a_name_is_refused_by_field(field):
    """PostgreSQL cannot keep it: counted with others, one such record would hold up all of them."""
    text = body(GOOD, GOOD | {field: "a\0"}, GOOD | {"request_hash": "\\u0000"})
    batch = envelope.parse(text)
    assert [(refusal.index, refusal.field) for refusal in batch.refusals] == [(1, field)]
    assert len(envelope.read_records(text, refused=[1])) == 2


def test_nesting_without_end_is_refused():
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(MalformedBatch):
        envelope.parse(body(GOOD).replace(b'"x"', deep.encode()))
