"""The runtime that applications use."""

import threading

import numpy as np
import onnxruntime
import pytest

import edge_agent
from edge_agent.inference import array_checks, scores
from edge_agent.inference.failures import InferenceFailed, LoadFailed, NotInstalled
from edge_agent.inference.session import Session
from edge_agent.installed import pointer as pointers
from edge_agent.runtime import loading
from tests.agent import tiny_models
from tests.simulator.edge_server import NO_PROBATION

IMAGE = tiny_models.images(1)[0]


@pytest.fixture
def agent(installed):
    return installed


@pytest.fixture
def runtime(agent, home):
    with edge_agent.Runtime(home=home, reload_seconds=0, clock=lambda: 1_800_000_000.5) as opened:
        yield opened


def test_an_inference_is_what_onnx_runtime_says(runtime):
    result = runtime.infer(IMAGE)

    session = onnxruntime.InferenceSession(tiny_models.classifier(seed=sum(b"1.0.0")))
    logits = session.run(None, {"image": IMAGE[np.newaxis]})[0][0]
    np.testing.assert_allclose(result.outputs["logits"][0], logits, rtol=1e-5)
    assert result.class_id == int(logits.argmax())
    assert result.confidence == pytest.approx(float(np.exp(logits).max() / np.exp(logits).sum()), rel=1e-5)
    assert result.label == ["zero", "one", "two"][result.class_id]
    assert result.latency_ms > 0
    assert (result.model, result.model_version, result.provider) == ("digits", "1.0.0", "CPUExecutionProvider")


def test_each_sample_becomes_one_record_of_the_contract(server, agent, runtime):
    runtime.infer(IMAGE)
    runtime.infer(tiny_models.images(3))
    agent.sync()

    assert len(server.records) == 4
    assert server.records[0].keys() == {
        "timestamp",
        "latency_ms",
        "model_version",
        "model_id",
        "confidence",
        "class_id",
        "request_hash",
        "provider",
    }
    assert server.records[0]["timestamp"] == 1_800_000_000.5
    assert len(server.records[0]["request_hash"]) == 64
    assert {record["request_hash"] for record in server.records[1:]} != {server.records[0]["request_hash"]}


def test_inputs_by_name_and_of_other_number_types_are_taken(runtime):
    by_name = runtime.infer({"image": IMAGE.astype(np.float64)})

    assert by_name.class_id == runtime.infer(IMAGE.tolist()).class_id


@pytest.mark.parametrize(
    "inputs",
    [np.zeros((1, 3, 4, 4)), np.zeros(5), {"picture": IMAGE}, np.zeros((0, 1, 4, 4)), np.array(["a"]), {}],
    ids=["channels", "flat", "name", "empty", "text", "nothing"],
)
def test_an_input_that_does_not_fit_is_the_callers_mistake(agent, runtime, inputs):
    with pytest.raises(array_checks.BadInput):
        runtime.infer(inputs)

    assert agent.store.read_tally("digits", "1.0.0").consecutive_errors == 0


def test_a_switch_is_followed_between_two_calls(server, agent, runtime, publish):
    assert runtime.infer(IMAGE).model_version == "1.0.0"
    server.assign(publish("2.0.0"))
    agent.sync()

    assert runtime.infer(IMAGE).model_version == "2.0.0"


def test_the_pointer_is_not_looked_at_more_often_than_allowed(server, agent, home, publish):
    with edge_agent.Runtime(home=home, reload_seconds=3_600) as patient:
        patient.infer(IMAGE)
        server.assign(publish("2.0.0"))
        agent.sync()
        assert patient.infer(IMAGE).model_version == "1.0.0"


def test_a_current_slot_that_does_not_load_is_left_for_the_previous_one_and_rolled_back(
    server, agent, runtime, publish, home
):
    server.assign(publish("2.0.0"))
    agent.sync()
    folder = home / "models" / "digits"
    (folder / pointers.read(folder).slot / "model.onnx").write_bytes(b"torn")

    assert runtime.infer(IMAGE).model_version == "1.0.0"
    agent.sync()

    assert pointers.read(folder).version == "1.0.0"
    assert server.reports[-1]["detail"]["class"] == "crash"


def test_without_any_model_the_fall_back_serves_and_the_first_model_takes_over(
    server, start, publish, home, tmp_path, monkeypatch
):
    (tmp_path / "fallback.onnx").write_bytes(tiny_models.classifier(9))
    monkeypatch.setenv("EDGE_AGENT_FALLBACK_MODEL", str(tmp_path / "fallback.onnx"))
    with edge_agent.Runtime(home=home, reload_seconds=0) as runtime:
        assert runtime.infer(IMAGE).model_version == "fallback"
        server.assign(publish("1.0.0"))
        start().sync()
        assert runtime.infer(IMAGE).model_version == "1.0.0"


def test_without_any_model_and_fall_back_it_says_so_and_recovers(server, start, publish, home):
    with edge_agent.Runtime(home=home, reload_seconds=0) as runtime:
        with pytest.raises(loading.NoModel, match="no model"):
            runtime.infer(IMAGE)
        server.assign(publish("1.0.0"))
        start().sync()
        assert runtime.infer(IMAGE).model_version == "1.0.0"


def test_of_several_models_one_has_to_be_named(server, start, publish, home):
    server.assign(publish("1.0.0"))
    server.assign(publish("7.0.0", model="letters"))
    start(models=("digits", "letters")).sync()

    with edge_agent.Runtime(home=home) as runtime, pytest.raises(loading.NoModel, match=r"\['digits', 'letters'\]"):
        runtime.infer(IMAGE)


def test_a_broken_telemetry_file_does_not_stop_inference(runtime, caplog):
    runtime.infer(IMAGE)
    runtime._recorder._store.close()

    assert runtime.infer(IMAGE).model_version == "1.0.0"
    assert runtime.telemetry_lost == 1
    assert "telemetry cannot be recorded" in caplog.text


def test_a_telemetry_file_that_cannot_even_be_opened_does_not_stop_inference(agent, home):
    agent.close()
    for path in home.glob("telemetry.db*"):
        path.unlink()
    (home / "telemetry.db").mkdir()

    with edge_agent.Runtime(home=home) as runtime:
        assert runtime.infer(IMAGE).model_version == "1.0.0"
        assert runtime.telemetry_lost == 1
        (home / "telemetry.db").rmdir()
        runtime.infer(IMAGE)
        assert runtime.telemetry_lost == 1


def test_threads_share_one_runtime_while_the_model_is_switched(server, agent, runtime, publish):
    versions, failures = set(), []
    stop = threading.Event()

    def work():
        try:
            while not stop.is_set():
                versions.add(runtime.infer(IMAGE).model_version)
        except edge_agent.errors.AgentError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in ("2.0.0", "3.0.0"):
        server.assign(publish(version), policy=NO_PROBATION)
        agent.sync()
    while "3.0.0" not in versions and not failures:
        stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()

    assert failures == []
    assert {"1.0.0", "3.0.0"} <= versions


def test_the_home_comes_from_the_environment(agent, home, monkeypatch):
    monkeypatch.setenv("EDGE_AGENT_HOME", str(home))
    with edge_agent.Runtime() as runtime:
        assert runtime.version == "1.0.0"


def test_probabilities_are_taken_as_they_are_and_logits_through_softmax():
    assert scores.score(np.array([[0.2, 0.8]])) == ([1], [0.8])
    (number,), (confidence,) = scores.score(np.array([[2.0, 1.0, 0.0]]))
    assert (number, confidence) == (0, pytest.approx(0.66524, abs=1e-5))
    (number,), (confidence,) = scores.score(np.array([[1000.0, -1000.0]]))
    assert (number, confidence) == (0, 1.0)


@pytest.mark.parametrize("output", [np.zeros((1, 3, 4)), np.zeros((1, 1)), np.array([["a", "b"]])])
def test_what_is_no_classification_has_no_class(output):
    assert scores.score(output) == ([-1], [0.0])


def test_a_session_refuses_what_it_cannot_do():
    with pytest.raises(LoadFailed):
        Session(b"nonsense", providers=["CPUExecutionProvider"], options={})
    with pytest.raises(NotInstalled, match="none is here"):
        Session(tiny_models.classifier(), providers=["NoSuchExecutionProvider"], options={})
    session = Session(
        tiny_models.classifier(),
        providers=["CPUExecutionProvider"],
        options={"graph_optimization_level": "basic", "intra_op_num_threads": 1, "of_a_later_agent": True},
    )
    with pytest.raises(InferenceFailed):
        session.run({"image": np.zeros((1, 9), dtype=np.float32)})
