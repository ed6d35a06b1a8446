"""The loop: each duty when it is due, the server's wishes obeyed, and no failure that stops another duty."""

import threading
import time

import pytest

from edge_agent.agent import Agent
from edge_agent.server.backoff import Backoff
from edge_agent.update import transitions
from edge_agent.update.transitions import OVER, TABLE, UNDERWAY, Event, State


@pytest.fixture
def start_loop(settings):
    """Set an agent to work in a thread."""
    agent = Agent(settings)
    worker = threading.Thread(target=agent.run)
    yield worker.start
    agent.stop.set()
    worker.join()
    agent.close()


def wait_until(condition, *, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_polls_come_as_often_as_the_server_says(server, publish, start_loop):
    # The first answer says so in its body, the second one (304) in a header.
    server.assign(publish("1.0.0"), poll_after_s=0.15)
    server.poll_after_s = 3_600
    start_loop()

    wait_until(lambda: server.paths().count("/api/models/latest") == 2)
    wait_until(lambda: server.heartbeats and server.heartbeats[-1]["running"])
    time.sleep(0.5)
    assert server.paths().count("/api/models/latest") == 2


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_polls_go_on_after_any_failure_and_other_duties_meanwhile(server, publish, start_loop, status):
    server.assign(publish("1.0.0"))
    server.fail("/api/models/latest", "status", status, times=3)
    start_loop()

    wait_until(lambda: server.heartbeats and server.heartbeats[-1]["running"])

    assert server.paths().count("/api/models/latest") == 4


@pytest.mark.parametrize(
    "body", [{"sha256": "nonsense"}, {"size": -1}, {"assignment": None}, {"download_url": "file:///"}]
)
def test_a_senseless_answer_is_asked_for_again(server, publish, start_loop, body):
    server.assign(publish("1.0.0"))
    server.fail("/api/models/latest", "body", body, times=2)
    start_loop()

    wait_until(lambda: server.heartbeats and server.heartbeats[-1]["running"])


def test_waits_grow_with_jitter_up_to_a_limit_and_start_over_after_success():
    backoff = Backoff(first_seconds=1, most_seconds=60)
    waits = [backoff.next_seconds() for _ in range(40)]

    for number, wait in enumerate(waits):
        ceiling = min(60, 2.0**number)
        assert ceiling / 2 <= wait <= ceiling
    assert len(set(waits[10:])) > 20
    assert backoff.next_seconds(at_least=500) == 500
    backoff.reset()
    assert backoff.next_seconds() <= 1


def test_the_table_leads_every_attempt_to_an_end():
    for state in set(State) - OVER:
        reached, edge = set(), {state}
        while edge:
            reached |= edge
            edge = {after for (before, _), (after, _) in TABLE.items() if before in edge} - reached
        assert reached & OVER
    assert not [before for before, _ in TABLE if before in OVER]


def test_every_step_before_the_switch_may_fail_and_be_started_over():
    for state in UNDERWAY:
        assert transitions.choose_next(state, Event.REFUSED) == (State.FAILED, "failed")
        assert transitions.choose_next(state, Event.RESTARTED) == (State.DOWNLOADING, None)
