"""A task that was taken over neither reads the signing key, nor reaches the engines, nor kills, nor outlives its parent, nor swaps its file."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from config import engines
from config.engines import location
from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox import task_log
from registry.compression.sandbox.protocol import Task
from tests.conftest import HOME
from tests.security import takeover_task
from tests.security.takeover_task import FILENAME, GENUINE
from tests.unit.compression.graphs import LIMITS

TESTS = Path(takeover_task.__file__).parents[1]
# A converter may start programs; the recipes of this release may not.
KINDS = {
    "one process": Task(name="taken", module="tests.security.takeover_task", answer=dict[str, str]),
    "more processes": Task(
        name="taken", module="tests.security.takeover_task", answer=dict[str, str], starts_processes=True
    ),
}
SECRET = "-----BEGIN PRIVATE KEY-----\nnot for a log"


@pytest.fixture(scope="module")
def key():
    """A file beside the real key, with the same rights."""
    path = HOME / "keys" / "taken-over.pem"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(SECRET)
    path.chmod(0o600)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def places(running_engines):
    assert engines.is_answering(HOME)
    return location.find_places(HOME)


@pytest.fixture
def victim():
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def port():
    """An engine that listens on TCP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(params=KINDS)
def take_over(request, key, places, victim, port, tmp_path):
    """Run the taken-over task."""

    def run(**more):
        sockets = [str(places.postgresql_socket), str(places.redis_socket)]
        order = takeover_task.Request(key=str(key), sockets=sockets, ports=[port], victim=victim.pid, **more)
        return sandbox.run(KINDS[request.param], order, reads=[TESTS], scratch=tmp_path, limits=LIMITS)

    run.kind = request.param
    return run


@pytest.mark.parametrize(
    "way", ["read", "read by a link", "read while importing", "read by an early thread", "environment of its parent"]
)
def test_it_reads_no_signing_key(take_over, key, way):
    found, _ = take_over()
    assert key.read_text() == SECRET
    assert found[way] == "EACCES"


def test_it_reads_no_memory_of_its_parent_and_sees_no_other_process(take_over, victim):
    found, _ = take_over()
    assert found["memory of its parent"] == "EACCES"
    assert found["status of the victim"] in {"EACCES", "ENOENT"}
    assert found["processes seen"] == "0"


def test_it_connects_to_no_engine_by_path_or_port(take_over, places, port):
    found, _ = take_over()
    assert {found[f"connect {place}"] for place in (places.postgresql_socket, places.redis_socket, port)} == {"EPERM"}


def test_it_kills_no_process_of_its_user(take_over, victim):
    found, _ = take_over()
    assert victim.poll() is None
    assert found["kill"] == found["kill by a queue"] == ("EPERM" if take_over.kind == "one process" else "ESRCH")
    assert found["kill by a file"] == "EPERM"


def test_nothing_of_it_outlives_its_answer(take_over):
    found, job = take_over()
    if take_over.kind == "one process":
        assert found["outlive"] == "EPERM"
        assert not (job / "alive").exists()
        return
    assert found["outlive"] == "worked"
    last = (job / "alive").read_text()
    time.sleep(0.5)
    assert (job / "alive").read_text() == last


def test_no_survivor_swaps_what_was_taken(take_over, tmp_path):
    """A process that outlived the task would swap the file for a link after the answer. While the task ends it may still try."""
    _, job = take_over()
    taken = tmp_path / "taken"
    try:
        sandbox.take_file(job, FILENAME, destination=taken)
    except sandbox.TaskFailed:
        assert (job / FILENAME).is_symlink()
    time.sleep(0.5)
    assert not taken.is_symlink()
    assert not taken.exists() or taken.read_bytes() == GENUINE


@pytest.mark.parametrize("swap", ["symlink", "link"])
def test_a_file_that_it_swapped_for_a_link_is_not_taken(take_over, tmp_path, swap):
    found, job = take_over(swap=swap, outlives=False)
    if swap == "link":
        # Landlock keeps a hard link from crossing folders: the file is still the task's own.
        assert found["swap"] in {"EXDEV", "EACCES"}
        assert sandbox.take_file(job, FILENAME, destination=tmp_path / "taken").read_bytes() == GENUINE
        return
    with pytest.raises(sandbox.TaskFailed):
        sandbox.take_file(job, FILENAME, destination=tmp_path / "taken")
    assert not (tmp_path / "taken").exists()


def test_a_hard_link_is_not_taken_where_one_can_be_made(key, tmp_path):
    job = tmp_path / "job"
    job.mkdir()
    (tmp_path / "key").write_text(SECRET)
    (job / FILENAME).hardlink_to(tmp_path / "key")
    with pytest.raises(sandbox.TaskFailed):
        sandbox.take_file(job, FILENAME, destination=tmp_path / "taken")


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_a_pipe_in_the_files_place_is_not_waited_for(tmp_path, make):
    make(tmp_path / FILENAME)
    with pytest.raises(sandbox.TaskFailed):
        sandbox.take_file(tmp_path, FILENAME, destination=tmp_path / "taken")


def test_a_file_that_is_too_large_is_not_taken(tmp_path):
    (tmp_path / FILENAME).write_bytes(GENUINE)
    with pytest.raises(sandbox.TaskFailed, match="7 bytes; 6 are allowed"):
        sandbox.take_file(tmp_path, FILENAME, destination=tmp_path / "taken", max_bytes=6)


def test_a_link_in_the_logs_place_shows_no_key(take_over, tmp_path, caplog):
    with pytest.raises(sandbox.TaskFailed):
        take_over(swaps_log=True)
    (job,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert "PRIVATE KEY" not in caplog.text
    assert "PRIVATE KEY" not in task_log.read(job)


def test_it_has_no_capability_and_is_the_first_to_die_when_memory_is_short(take_over):
    found, _ = take_over()
    assert int(found["capabilities"], 16) == int(found["bounding"], 16) == 0
    assert found["score"] == "1000"


def test_the_victim_could_be_killed_by_anybody_else(victim):
    os.kill(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
