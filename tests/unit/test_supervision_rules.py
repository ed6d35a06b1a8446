"""How long the supervisor waits, what it says, and what it does with lines that nobody reads."""

import os

import pytest

from config.processes import lock
from config.supervisor import output
from config.supervisor.child import choose_delay_seconds, describe_end
from config.supervisor.children import build_url
from config.supervisor.output import LineReader, Output
from config.supervisor.stop_requests import StopRequests


def test_the_delay_doubles_and_stays_at_five_seconds():
    delays = [choose_delay_seconds(failures) for failures in (1, 2, 3, 4, 5, 6, 7, 1000)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("seconds", "is_stopping", "is_urgent"),
    [
        ([], False, False),
        ([100.0], True, False),
        ([100.0, 100.1, 101.9], True, False),
        ([100.0, 102.0], True, False),
        ([100.0, 102.1], True, True),
        ([100.0, 100.1, 102.1], True, True),
    ],
)
def test_a_second_request_to_stop_is_urgent_two_seconds_after_the_first(seconds, is_stopping, is_urgent):
    requests = StopRequests()
    for at in seconds:
        requests.note(at=at)
    assert (requests.is_stopping, requests.is_urgent) == (is_stopping, is_urgent)


@pytest.mark.parametrize(
    ("exit_code", "sentence"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was ended by SIGKILL"),
        (-64, "was ended by SIGRTMAX"),
        (-50, "was ended by signal 50"),
    ],
)
def test_an_end_is_described_by_exit_code_or_signal(exit_code, sentence):
    assert describe_end(exit_code) == sentence


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_the_address_that_is_asked_is_one_that_can_be_reached(host, url):
    assert build_url(host, port=80) == url


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_each_line_carries_its_childs_name(pipe):
    read_end, write_end = pipe
    out = Output(write_end)
    out.add("web", b"hello")
    out.add("postgres", "LOG:  ready\n")
    out.flush()
    assert os.read(read_end, 1000) == b"web      | hello\npostgres | LOG:  ready\n"


def test_a_full_pipe_costs_the_oldest_lines_and_says_how_many(pipe, monkeypatch):
    read_end, write_end = pipe
    monkeypatch.setattr(output, "LONGEST_QUEUE", 10)
    out = Output(write_end)
    while not out.is_waiting:
        out.add("web", b"x" * 1000)
        out.flush()
    for number in range(100):
        out.add("web", f"line {number}")
    read = b""
    while out.is_waiting:
        read += os.read(read_end, 65_536)
        out.flush()
    os.set_blocking(read_end, False)
    read += os.read(read_end, 1_000_000)
    assert b"older lines dropped" in read
    assert read.endswith(b"web      | line 99\n")


def test_lines_are_cut_where_they_end_and_a_rest_waits(pipe):
    read_end, write_end = pipe
    reader = LineReader(read_end)
    os.write(write_end, b"one\ntw")
    assert reader.read() == ([b"one"], False)
    os.write(write_end, b"o\n")
    assert reader.read() == ([b"two"], False)


def test_a_torn_lock_file_explains_nothing_and_breaks_nothing(tmp_path):
    (tmp_path / "lock").write_text('{"pid": 12')
    assert lock.read_holder(tmp_path) is None
