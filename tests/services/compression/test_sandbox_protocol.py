"""What a task says while it runs, how it is canceled, and which Python runs it."""

import shutil
import sys
import venv
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest

from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox import progress, task_log
from tests.services.compression import talking_task
from tests.unit.compression.graphs import LIMITS


@pytest.fixture
def talk(tmp_path):
    def run(act, **more):
        request = talking_task.Request(act=act)
        limits = more.pop("limits", LIMITS)
        return sandbox.run(
            talking_task.TASK, request, reads=[talking_task.TESTS], scratch=tmp_path, limits=limits, **more
        )

    return run


def test_steps_arrive_in_order(talk):
    heard = []
    talk("steps", on_progress=lambda step, done: heard.append((step, done)))
    assert heard[:3] == [("checking", None), ("calibrating", 0.34), ("calibrating", 1.0)]


def test_a_step_arrives_while_the_task_runs(talk):
    heard = []
    with pytest.raises(sandbox.TaskCancelled):
        talk("wait", on_progress=lambda step, done: heard.append(step), is_cancelled=lambda: bool(heard))
    assert heard == ["waiting"]


def test_the_text_of_a_step_is_cut_and_cleaned(talk):
    heard = []
    talk("steps", on_progress=lambda step, done: heard.append((step, done)))
    step, done = heard[-1]
    assert step == ("a [31m<b> " + "x" * 500)[:80]
    assert done is None


def test_a_flood_of_reports_costs_the_parent_little_and_breaks_nothing(talk):
    heard = []
    answer, _ = talk("flood", on_progress=lambda step, done: heard.append(step))
    assert answer["written"] > 1 << 16
    # A few looks a second, of sixteen lines each.
    assert len(heard) < 200
    assert all(len(step) <= 80 for step in heard)


def test_without_a_channel_a_report_goes_nowhere():
    progress.report("checking", 0.5)


def list_sandboxes():
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "registry.compression.sandbox" in str(child.cmdline())
    ]


def test_a_cancelled_task_leaves_no_process(talk, tmp_path):
    with pytest.raises(sandbox.TaskCancelled):
        talk("wait", is_cancelled=lambda: any(tmp_path.glob("*/running")))
    assert list_sandboxes() == []


def test_a_parent_that_fails_while_it_waits_ends_the_task(talk):
    def fail(step, done):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        talk("wait", on_progress=fail)
    assert list_sandboxes() == []


def test_an_error_carries_the_log_of_its_task(talk):
    with pytest.raises(sandbox.TaskFailed) as caught:
        talk("fail")
    assert "in fail" in caught.value.log
    assert "ZeroDivisionError: for the log" in caught.value.log
    assert str(talking_task.TESTS) not in caught.value.log


def test_wall_time_ends_the_task_and_is_named(talk):
    with pytest.raises(sandbox.SandboxKilled) as caught:
        talk("wait", limits=replace(LIMITS, wall_seconds=0.7))
    assert caught.value.reason == "wall_time"


def test_the_python_of_another_environment_runs_a_task_with_msgspec_and_our_code_alone(talk, tmp_path):
    environment = tmp_path / "converter"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    installed = Path(msgspec.__file__).parent
    shutil.copytree(installed, packages / "msgspec")
    answer, _ = talk("describe", interpreter=environment / "bin" / "python")
    assert answer["prefix"] == str(environment)
    assert answer["has_tools"] is False
    usual, _ = talk("describe")
    assert usual["prefix"] == sys.prefix
    assert usual["has_tools"] is True


def test_the_child_imports_little_of_our_own(talk):
    answer, _ = talk("describe")
    allowed = ("registry", "registry.compression", "registry.compression.refusal", "core", "core.errors")
    others = [name for name in answer["modules"] if name not in allowed]
    assert all(name.startswith("registry.compression.sandbox") for name in others)


def test_the_log_of_a_task_is_bounded_and_names_no_folder_of_the_server(talk):
    _, job = talk("log")
    shown = task_log.read(job)
    assert len(shown) <= 16 * 1024
    assert "early" not in shown
    line = shown.splitlines()[-2]
    assert line == "cannot read …/talking_task.py at /model/layer.1/Conv in …/x"
    assert len(shown.splitlines()[-1]) == 500
