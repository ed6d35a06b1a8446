"""The self-test: a model that fails it is not switched to, and a crash or an endless loop stays in the child process."""

import threading
import time

import numpy as np
import psutil
import pytest

from edge_agent.update import self_test
from edge_agent.update.failures import Interrupted
from tests.agent import tiny_models
from tests.agent.observations import failure_of, running

GOLDEN = np.zeros((2, tiny_models.CLASSES), dtype=np.float32)


@pytest.mark.parametrize(
    ("file", "golden"),
    [
        (tiny_models.classifier(5), GOLDEN),
        (tiny_models.not_a_number(), GOLDEN),
        (tiny_models.classifier(5), np.zeros((2, 9), dtype=np.float32)),
        (b"this is no model", GOLDEN),
    ],
    ids=["other outputs", "NaN", "another shape", "no model"],
)
def test_a_model_that_fails_its_self_test_is_not_switched_to(server, installed, publish, home, file, golden):
    answer = server.assign(publish("2.0.0", file=file, golden=golden))

    assert installed.sync() == ["failed"]

    assert failure_of(server, answer) == "self_test_failed"
    assert running(home) == "1.0.0"


def test_an_agent_without_onnx_runtime_says_so(server, start, publish, monkeypatch):
    monkeypatch.setattr(self_test, "RUNTIME", ("numpy", "no_such_runtime"))
    answer = server.assign(publish("1.0.0"))

    assert start().sync() == ["failed"]

    assert failure_of(server, answer) == "incompatible"
    assert "no_such_runtime not installed" in server.reports[-1]["detail"]["message"]


def test_a_model_that_never_ends_is_stopped(server, start, publish):
    answer = server.assign(publish("1.0.0", file=tiny_models.endless(), golden=GOLDEN))

    assert start(self_test_timeout_seconds=1.5).sync() == ["failed"]

    assert failure_of(server, answer) == "self_test_failed"
    assert _self_tests() == []


def test_a_model_that_crashes_onnx_runtime_kills_only_the_child(server, start, publish):
    answer = server.assign(publish("1.0.0", file=tiny_models.endless(), golden=GOLDEN))
    agent = start()
    outcomes = []
    worker = threading.Thread(target=lambda: outcomes.append(agent.sync()))
    worker.start()
    while not _self_tests():
        time.sleep(0.01)
    _self_tests()[0].send_signal(11)
    worker.join()

    assert outcomes == [["failed"]]
    assert failure_of(server, answer) == "crash"


def test_stopping_the_agent_in_a_self_test_says_nothing_against_the_model(server, start, publish):
    answer = server.assign(publish("1.0.0", file=tiny_models.endless(), golden=GOLDEN))
    stop = threading.Event()
    agent = start(stop=stop)
    threading.Timer(0.7, stop.set).start()

    with pytest.raises(Interrupted):
        agent.sync()

    assert _self_tests() == []
    agent.close()
    server.assign(publish("1.0.0"), assignment={"attempt_id": answer["assignment"]["attempt_id"], "release_counter": 1})
    assert start().sync() == ["updated"]


def _self_tests():
    """The self-tests that are running as children of this process."""
    found = []
    for child in psutil.Process().children():
        try:
            if "edge_agent.update.self_test_child" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_wanted_provider_that_is_not_here_is_reported(server, start, publish):
    server.assign(publish("1.0.0", runtime={"providers": ["CUDAExecutionProvider", "CPUExecutionProvider"]}))

    assert start().sync() == ["updated"]

    tested = next(report for report in server.reports if report["state"] == "self_tested")
    assert tested["active_providers"] == ["CPUExecutionProvider"]
    assert tested["detail"]["wanted_providers"] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert tested["detail"]["provider_fallback"] is True
