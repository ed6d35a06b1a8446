"""kill -9 of the application and of the agent at random moments: real processes, and every record counted at the end."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

import edge_agent
from edge_agent import enrollment
from edge_agent.installed import pointer as pointers
from edge_agent.installed import slots
from edge_agent.telemetry.store import Store
from tests.agent import tiny_models
from tests.simulator.edge_server import ENROLLMENT_KEY

APPLICATION = """
import sys, time
import numpy as np
import edge_agent
from pathlib import Path
runtime = edge_agent.Runtime("digits", home=sys.argv[1], fallback_model=sys.argv[2])
images = np.random.default_rng().random(size=(1000, 1, 4, 4)).astype(np.float32)
answered = Path(sys.argv[3]).open("ab", buffering=0)
for image in images:
    runtime.infer(image)
    answered.write(b".")
    time.sleep(0.001)
"""


@pytest.fixture
def processes():
    """Start processes; none is left at the end."""
    started = []

    def start(*command, environment=None):
        child = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait()


@pytest.fixture
def environment(server, home):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EDGE_AGENT_")}
    mine = {
        "server_url": server.url,
        "device_id": "edge-1",
        "enrollment_key": ENROLLMENT_KEY,
        "home": str(home),
        "poll_seconds": "0.1",
        "telemetry_flush_seconds": "0.05",
        "telemetry_batch_size": "20",
        "retry_max_seconds": "0.2",
        "http_timeout_seconds": "2",
        "heartbeat_seconds": "0.3",
    }
    return inherited | {f"EDGE_AGENT_{name.upper()}": value for name, value in mine.items()}


def wait_until(condition, *, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def agent_command(*arguments):
    return sys.executable, "-m", "edge_agent", *arguments


def test_no_record_is_lost_or_doubled_by_kills_of_either_process(
    server, home, tmp_path, processes, environment, publish
):
    chance = random.Random(1)
    server.assign(publish("1.0.0"), policy={"probation_s": 0, "probation_inferences": 0})
    (tmp_path / "fallback.onnx").write_bytes(tiny_models.classifier(9))
    answered = tmp_path / "answered"
    answered.touch()

    def start_application():
        files = (str(home), str(tmp_path / "fallback.onnx"), str(answered))
        return processes(sys.executable, "-c", APPLICATION, *files)

    def start_agent():
        return processes(*agent_command("run"), environment=environment)

    application, agent = start_application(), start_agent()
    for round_number in range(14):
        seen = len(server.records)
        wait_until(lambda seen=seen: len(server.records) > seen)
        time.sleep(chance.uniform(0, 0.15))
        if round_number % 3 == 0:
            server.fail("/api/ingest", "answer_lost", times=2)
        if round_number % 2:
            application.kill()
            application.wait()
            application = start_application()
        else:
            agent.kill()
            agent.wait()
            agent = start_agent()
    application.kill()
    application.wait()

    with contextlib.closing(Store(home)) as store:
        wait_until(lambda: not store.read_counters()["waiting"])
        counters = store.read_counters()
        inferences = sum(row[0] for row in store._connection.execute("SELECT inferences FROM tallies").fetchall())
    assert len(server.records) == counters["answered"] == inferences
    # A kill may come between the commit and the dot, never the other way round: one per killed application at most.
    assert 0 <= len(server.records) - answered.stat().st_size <= 8
    assert "sampled_out" not in counters
    assert server.duplicates > 0


def test_a_device_killed_while_it_enrolls_asks_with_one_nonce_until_it_has_its_token(
    server, home, processes, environment
):
    chance = random.Random(3)
    # The requests of the first agents are lost, the answers of the next ones.
    server.fail("/api/devices/enroll", "hang_up", times=20)
    server.fail("/api/devices/enroll", "answer_lost", times=20)
    for _ in range(6):
        agent = processes(*agent_command("run"), environment=environment)
        wait_until((home / enrollment.NONCE_FILE).exists)
        time.sleep(chance.uniform(0, 0.5))
        agent.kill()
        agent.wait()
    server.faults.clear()
    processes(*agent_command("run"), environment=environment)
    wait_until((home / enrollment.IDENTITY_FILE).exists)

    assert len({asked["nonce"] for asked in server.enrollments}) == 1
    assert enrollment.find(home).token in server.tokens


def test_the_agent_killed_during_updates_always_leaves_a_working_model(server, home, processes, environment, publish):
    chance = random.Random(7)
    releases = [
        publish(f"{number}.0.0", file=tiny_models.classifier(number, padding_bytes=400_000)) for number in (1, 2)
    ]
    policy = {"probation_s": 0, "probation_inferences": 0}
    server.assign(releases[0], policy=policy)
    agent = processes(*agent_command("run"), environment=environment)
    wait_until((home / "models" / "digits" / "current.json").exists)
    with edge_agent.Runtime("digits", home=home, reload_seconds=0) as runtime:
        for number in range(12):
            server.assign(releases[(number + 1) % 2], policy=policy)
            time.sleep(chance.uniform(0.1, 1.2))
            agent.kill()
            agent.wait()
            assert runtime.infer(tiny_models.images(1)[0]).model_version in {"1.0.0", "2.0.0"}
            assert slots.open_slot(home / "models" / "digits" / pointers.read(home / "models" / "digits").slot)
            agent = processes(*agent_command("run"), environment=environment)
        server.assign(releases[1], policy=policy)
        wait_until(lambda: runtime.infer(tiny_models.images(1)[0]).model_version == "2.0.0")
    wait_until(lambda: server.heartbeats and server.heartbeats[-1]["running"][0]["version"] == "2.0.0")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_stops_cleanly_on_a_signal(server, processes, environment, number):
    agent = processes(*agent_command("run"), environment=environment)
    wait_until(lambda: server.heartbeats)

    agent.send_signal(number)

    assert agent.wait(10) == 0


def test_run_stops_even_while_a_silent_server_holds_it(server, processes, environment):
    environment["EDGE_AGENT_HTTP_TIMEOUT_SECONDS"] = "60"
    server.fail("/api/devices/enroll", "stall", 60)
    agent = processes(*agent_command("run"), environment=environment)
    wait_until(lambda: "/api/devices/enroll" in server.paths())

    agent.terminate()

    assert agent.wait(10) == 0


def test_a_second_agent_on_the_same_home_is_refused(server, processes, environment):
    processes(*agent_command("run"), environment=environment)
    wait_until(lambda: server.heartbeats)

    second = subprocess.run(
        agent_command("sync", "--once"), env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert second.returncode == 7
    assert "another edge-agent works on" in second.stderr


def test_the_device_enrolls_when_the_server_comes_up_late(server, processes, environment):
    server.fail("/api/devices/enroll", "status", 503, times=4)
    processes(*agent_command("run"), environment=environment)

    wait_until(lambda: server.heartbeats)


def run_once(environment, *arguments):
    done = subprocess.run(
        agent_command(*arguments), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, json.loads(done.stdout)


def test_sync_says_what_happened(server, environment, publish):
    assert run_once(environment, "sync", "--once")[0] == 0

    server.assign(publish("1.0.0"))
    code, answer = run_once(environment, "sync", "--once")
    assert (code, answer["outcome"], answer["running"][0]["version"]) == (0, "updated", "1.0.0")

    server.assign(publish("2.0.0"))
    server.fail("/files/digits-2.0.0/file", "corrupt", times=9)
    assert run_once(environment, "sync", "--once")[0] == 3

    server.fail("/api/models/latest", "status", 503)
    assert run_once(environment, "sync", "--once")[0] == 4

    server.tokens.clear()
    assert run_once(environment, "sync", "--once")[0] == 5

    code, status = run_once(environment, "status")
    assert code == 0
    assert status["models"]["digits"]["current"]["version"] == "1.0.0"
    assert status["is_enrolled"] is True


def test_enroll_says_what_happened(server, environment):
    server.is_review = True
    assert run_once(environment, "enroll")[0] == 6
    server.is_review = False
    assert run_once(environment, "enroll")[0] == 0
    assert run_once(environment, "enroll")[0] == 0
    assert server.paths().count("/api/devices/enroll") == 2


def test_a_bad_setting_is_named_and_ends_at_once(environment):
    environment["EDGE_AGENT_POLL_SECOND"] = "1"

    done = subprocess.run(
        agent_command("run"), env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 2
    assert "EDGE_AGENT_POLL_SECOND" in done.stderr
