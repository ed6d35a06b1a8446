"""Probation: what confirms a model, what trips it, and where the device ends up."""

import pytest

import edge_agent
from edge_agent.update import probation
from edge_agent.update.failures import Failure
from edge_agent.update.probation import Decision, Evidence
from tests.agent import tiny_models
from tests.simulator.edge_server import NO_PROBATION


def decide(*, elapsed=0.0, inferences=0, errors=0, load_failures=0):
    evidence = Evidence(
        elapsed_seconds=elapsed,
        inferences=inferences,
        consecutive_errors=errors,
        load_failures=load_failures,
        last_error="said so",
    )
    return probation.decide(evidence, probation_seconds=300, probation_inferences=50, max_consecutive_errors=5)


@pytest.mark.parametrize(
    ("evidence", "decision"),
    [
        ({"elapsed": 299, "inferences": 1000}, Decision.HOLD),
        ({"elapsed": 301, "inferences": 49}, Decision.HOLD),
        ({"elapsed": 30_000, "inferences": 49}, Decision.HOLD),
        ({"elapsed": 300, "inferences": 50}, Decision.CONFIRM),
        ({"elapsed": 899}, Decision.HOLD),
        ({"elapsed": 900}, Decision.CONFIRM),
        ({"elapsed": 1, "inferences": 9, "errors": 4}, Decision.HOLD),
        ({"elapsed": 1, "inferences": 9, "errors": 5}, Decision.ROLL_BACK),
        ({"elapsed": 900, "inferences": 99, "load_failures": 1}, Decision.ROLL_BACK),
    ],
)
def test_time_and_inferences_confirm_and_errors_trip(evidence, decision):
    assert decide(**evidence).decision is decision


def test_a_verdict_says_why():
    assert "no application recorded an inference" in decide(elapsed=900).reason
    assert decide(errors=5).failure is Failure.PROBATION_FAILED
    assert "said so" in decide(errors=5).reason
    assert decide(load_failures=1).failure is Failure.CRASH


def running(home):
    with edge_agent.Runtime("digits", home=home) as runtime:
        return runtime.version


def infer(home, count):
    with edge_agent.Runtime("digits", home=home) as runtime:
        for image in tiny_models.images(count):
            runtime.infer(image)


@pytest.fixture
def on_probation(server, start, publish):
    """An agent with 1.0.0 confirmed and 2.0.0 on probation: 300 s and 5 inferences."""
    server.assign(publish("1.0.0"), policy=NO_PROBATION)
    agent = start()
    agent.sync()
    server.assign(publish("2.0.0"))
    agent.sync()
    return agent


def test_a_model_is_confirmed_by_time_and_the_applications_inferences(server, on_probation, clock, home):
    infer(home, 5)
    on_probation.sync()
    assert server.reports[-1]["state"] == "activated"

    clock.seconds += 301
    on_probation.sync()

    assert (server.reports[-1]["state"], server.reports[-1]["version"]) == ("confirmed", "2.0.0")
    assert "5 inferences" in server.reports[-1]["detail"]["reason"]


def test_the_time_runs_on_over_restarts_of_the_agent_but_not_over_a_reboot(server, on_probation, start, clock, home):
    infer(home, 5)
    on_probation.close()
    clock.seconds += 200
    agent = start()
    agent.sync()
    agent.close()

    clock.seconds, clock.boot = 0.0, "boot-2"
    agent = start()
    agent.sync()
    clock.seconds += 90
    agent.sync()
    assert server.reports[-1]["state"] == "activated"

    clock.seconds += 20
    agent.sync()
    assert server.reports[-1]["state"] == "confirmed"


def test_without_an_application_a_model_is_confirmed_late_and_says_so(server, on_probation, clock):
    clock.seconds += 301
    on_probation.sync()
    assert server.reports[-1]["state"] == "activated"

    clock.seconds += 600
    on_probation.sync()

    assert server.reports[-1]["state"] == "confirmed"
    assert "no application" in server.reports[-1]["detail"]["reason"]


def test_errors_in_a_row_roll_back_to_the_previous_slot_without_the_server(server, on_probation, home):
    with edge_agent.Runtime("digits", home=home, reload_seconds=0) as runtime:
        for _ in range(5):
            runtime.report_failure("the output makes no sense")
        server.fail("/api", "status", 503, times=1_000)
        with pytest.raises(edge_agent.errors.AgentError):
            on_probation.sync()

        assert runtime.infer(tiny_models.images(1)[0]).model_version == "1.0.0"

    server.faults.clear()
    on_probation.sync()
    assert server.reports[-1]["state"] == "rolled_back"
    assert server.reports[-1]["detail"]["class"] == "probation_failed"
    assert server.reports[-1]["detail"]["restored"] == "1.0.0"
    assert server.heartbeats[-1]["running"][0]["version"] == "1.0.0"


def test_one_good_inference_between_errors_keeps_the_model(on_probation, home):
    with edge_agent.Runtime("digits", home=home) as runtime:
        for _ in range(4):
            runtime.report_failure("a hiccup")
        runtime.infer(tiny_models.images(1)[0])
        for _ in range(4):
            runtime.report_failure("another")
    on_probation.sync()

    assert running(home) == "2.0.0"


def test_a_model_whose_outputs_turn_nan_is_rolled_back(server, on_probation, publish, home):
    server.assign(publish("3.0.0", file=tiny_models.nan_when_bright()), policy={"probation_s": 300})
    on_probation.sync()
    with edge_agent.Runtime("digits", home=home) as runtime:
        for image in tiny_models.images(5):
            with pytest.raises(edge_agent.inference.failures.InferenceFailed, match="NaN"):
                runtime.infer(-image)
    on_probation.sync()

    assert running(home) == "1.0.0"
    assert server.reports[-1]["detail"]["class"] == "probation_failed"


def test_a_version_that_was_rolled_back_is_not_taken_from_the_same_attempt_again(server, on_probation, home):
    with edge_agent.Runtime("digits", home=home) as runtime:
        for _ in range(5):
            runtime.report_failure("broken")
    on_probation.sync()
    on_probation._etags.clear()

    assert on_probation.sync() == ["kept"]
    assert running(home) == "1.0.0"


def test_a_first_model_that_trips_leaves_the_fall_back_model(server, start, publish, home, tmp_path):
    (tmp_path / "fallback.onnx").write_bytes(tiny_models.classifier(9))
    server.assign(publish("1.0.0"))
    agent = start(fallback_model=tmp_path / "fallback.onnx")
    agent.sync()
    with edge_agent.Runtime("digits", home=home) as runtime:
        for _ in range(5):
            runtime.report_failure("broken")
    agent.sync()

    with edge_agent.Runtime("digits", home=home) as runtime:
        assert runtime.infer(tiny_models.images(1)[0]).model_version == "fallback"
    assert server.heartbeats[-1]["running"] == []


def test_something_else_assigned_during_probation_starts_from_the_last_good_slot(server, on_probation, publish, home):
    trying = server.assignments["digits"]["assignment"]["attempt_id"]
    server.assign(publish("3.0.0"))
    server.fail("/files/digits-3.0.0/file", "corrupt", times=9)

    assert on_probation.sync() == ["failed"]

    assert running(home) == "1.0.0"
    ended = [report for report in server.reports if report["attempt_id"] == trying][-1]
    assert (ended["state"], ended["detail"]["class"]) == ("rolled_back", "superseded")


def test_a_superseded_version_may_come_back_under_the_same_attempt(server, on_probation, publish, home):
    first = server.assignments["digits"]
    server.assign(publish("3.0.0"))
    on_probation.sync()
    first["assignment"]["release_counter"] = 50
    server.assignments["digits"] = first

    assert on_probation.sync() == ["updated"]

    assert running(home) == "2.0.0"
    seqs = [report["seq"] for report in server.reports]
    assert seqs == sorted(set(seqs))


def test_counts_of_an_earlier_life_of_a_version_do_not_count(server, on_probation, publish, clock, home):
    infer(home, 5)
    on_probation.store.record_error(model="digits", version="1.0.0", message="old", is_load_failure=True)
    clock.seconds += 301
    on_probation.sync()

    server.assign(publish("1.0.0"))
    on_probation.sync()
    on_probation.sync()

    assert running(home) == "1.0.0"
