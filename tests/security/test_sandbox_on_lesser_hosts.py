"""Where a kernel or a container lacks a layer, the others hold, or nothing is opened."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from registry.compression.sandbox import parent as sandbox
from tests.security.lesser_host import NO_FILTER, NO_LANDLOCK, NO_NAMESPACES

ROOT = Path(sandbox.__file__).parents[3]
# An ordinary user without any capability, whoever runs the tests. The files are still those of the user who runs them.
ORDINARY_USER = ["unshare", "--user", "--map-user=1234", "--map-group=1234"]


@pytest.fixture
def victim():
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def run_on(tmp_path, victim):
    (tmp_path / "key").write_text("secret")
    (tmp_path / "scratch").mkdir()

    def run(lacks, *, starts_processes=False, as_user=()):
        order = {
            "key": str(tmp_path / "key"),
            "sockets": [str(tmp_path / "socket")],
            "ports": [1],
            "victim": victim.pid,
            "starts_processes": starts_processes,
            "scratch": str(tmp_path / "scratch"),
        }
        command = [*as_user, sys.executable, "-m", "tests.security.lesser_host", json.dumps(lacks), json.dumps(order)]
        shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)

    return run


@pytest.mark.parametrize("lacks", [NO_NAMESPACES, NO_LANDLOCK, NO_NAMESPACES | NO_LANDLOCK])
@pytest.mark.parametrize("as_user", [(), ORDINARY_USER], ids=["as we are", "as an ordinary user"])
def test_without_a_layer_it_still_kills_nobody_outlives_nothing_and_reaches_no_engine(run_on, victim, lacks, as_user):
    found = run_on(lacks, as_user=as_user)
    assert victim.poll() is None
    ways = ("kill", "kill by a queue", "kill by a file", "outlive", "connect 1")
    assert {found[way] for way in ways} == {"EPERM"}
    # An ordinary user cannot lower the bounding set, and has given up new privileges.
    assert int(found["capabilities"], 16) == 0


@pytest.mark.parametrize("as_user", [(), ORDINARY_USER], ids=["as we are", "as an ordinary user"])
def test_without_namespaces_it_reads_no_key_and_nothing_of_other_processes(run_on, as_user):
    found = run_on(NO_NAMESPACES, as_user=as_user)
    ways = ("read", "read by a link", "read while importing", "read by an early thread", "status of the victim")
    assert {found[way] for way in ways} == {"EACCES"}


def test_without_namespaces_a_task_that_starts_processes_is_not_run(run_on):
    found = run_on(NO_NAMESPACES, starts_processes=True)
    assert found["error"] == "sandbox_unavailable"
    assert "process namespace" in found["detail"]


def test_without_a_filter_of_system_calls_nothing_is_run(run_on):
    found = run_on(NO_FILTER)
    assert found == {"error": "sandbox_unavailable", "detail": "The sandbox could not be shut on this host."}


def test_an_ordinary_user_has_every_layer(run_on, victim):
    found = run_on({}, as_user=ORDINARY_USER, starts_processes=True)
    assert victim.poll() is None
    assert found["kill"] == "ESRCH"
    assert found["outlive"] == "worked"
    assert found["read"] == found["read by an early thread"] == "EACCES"
    assert found["score"] == "1000"
