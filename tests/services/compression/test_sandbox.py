"""How a child can end, each with a real one."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.errors import DomainError
from registry.compression.inspections import inspect_model
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox.limits import MEBIBYTE, limits_for_intake
from registry.compression.sandbox.parent import SandboxKilled, SandboxUnavailable
from tests.services.compression import talking_task
from tests.unit.compression import graphs

# A model that runs until something ends it, so that the test decides what does.
PATIENT = replace(graphs.LIMITS, intake_cpu_seconds=60, wall_seconds=60.0)


@pytest.fixture
def endless(tmp_path):
    return graphs.save(graphs.endless_loop(is_hidden=True), tmp_path / "endless.onnx")


def find_child(parent, *, seconds=10.0):
    """Poll until the process ``parent`` has a sandboxed child that is past its imports and burns time."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        for child in psutil.Process(parent).children(recursive=True):
            try:
                if "registry.compression.sandbox.child" in child.cmdline() and child.cpu_times().user > 0.8:
                    return child
            except psutil.Error:
                continue
        time.sleep(0.02)
    raise AssertionError("no sandboxed child appeared")


class Inspection(threading.Thread):
    """Inspects in a thread that lives as long as the call, and keeps the error."""

    def __init__(self, source, scratch):
        super().__init__()
        self.source, self.scratch, self.error = source, scratch, None

    def run(self):
        try:
            inspect_model(self.source, scratch=self.scratch, limits=PATIENT)
        except DomainError as error:
            self.error = error


def end_with(endless, scratch, number):
    thread = Inspection(endless, scratch)
    thread.start()
    find_child(os.getpid()).send_signal(number)
    thread.join(timeout=10)
    assert not thread.is_alive()
    return thread.error


def test_wall_time_kills_the_whole_group_and_is_named(endless, tmp_path):
    started = time.monotonic()
    with pytest.raises(SandboxKilled) as caught:
        inspect_model(endless, scratch=tmp_path, limits=replace(PATIENT, wall_seconds=1.5))
    assert caught.value.reason == "wall_time"
    assert time.monotonic() - started < 6
    assert not [
        child for child in psutil.Process().children() if "registry.compression.sandbox.child" in child.cmdline()
    ]


def test_a_crash_is_told_by_its_signal(endless, tmp_path):
    error = end_with(endless, tmp_path, signal.SIGSEGV)
    assert isinstance(error, SandboxKilled)
    assert error.reason == "crashed"
    assert "SIGSEGV" in error.detail


def test_a_kill_from_outside_says_nothing_about_the_model_and_is_retried(endless, tmp_path):
    assert isinstance(end_with(endless, tmp_path, signal.SIGKILL), SandboxUnavailable)


def test_a_child_dies_with_its_parent(endless, tmp_path):
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace;"
        "from registry.compression.inspections import inspect_model;"
        "from registry.compression.sandbox.limits import Limits;"
        "inspect_model(Path(sys.argv[1]), scratch=Path(sys.argv[2]), limits="
        "Limits(memory_bytes=4 << 30, cpu_seconds=600, wall_seconds=900.0, intake_cpu_seconds=60))"
    )
    root = Path(sandbox.__file__).parents[3]
    parent = subprocess.Popen([sys.executable, "-c", code, str(endless), str(tmp_path)], cwd=root)
    child = find_child(parent.pid)
    parent.kill()
    parent.wait()
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_child_knows_no_secret_and_holds_no_descriptor_of_its_parent(endless, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "do-not-tell")
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    thread = Inspection(endless, tmp_path)
    thread.start()
    child = find_child(os.getpid())
    environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    pipe = Path(f"/proc/self/fd/{write_end}").readlink()
    held = [entry.readlink() for entry in Path(f"/proc/{child.pid}/fd").iterdir()]
    child.kill()
    thread.join(timeout=10)
    os.close(read_end)
    os.close(write_end)
    assert b"do-not-tell" not in environment
    assert pipe not in held


def test_a_model_that_does_not_fit_on_this_builder_is_refused_with_the_figures(tmp_path):
    """600 MB passed the door, and failed in memory with the name of an error of protobuf."""
    model = tmp_path / "large.onnx"
    with model.open("wb") as stream:
        stream.truncate(600 * MEBIBYTE)
    with pytest.raises(ModelRefused) as caught:
        inspect_model(model, scratch=tmp_path, limits=graphs.LIMITS)
    assert caught.value.reason == "too_large_for_the_builder"
    assert "600 MiB needs 5184 MiB of memory; this builder gives 4096 MiB" in caught.value.detail
    assert [path.name for path in tmp_path.iterdir()] == ["large.onnx"]


def test_protobuf_without_memory_for_a_copy_is_named_as_memory(tmp_path):
    request = talking_task.Request(act="copy")
    limits = replace(graphs.LIMITS, memory_bytes=850 * MEBIBYTE)
    with pytest.raises(SandboxKilled) as caught:
        sandbox.run(talking_task.TASK, request, reads=[talking_task.TESTS], scratch=tmp_path, limits=limits)
    assert caught.value.reason == "out_of_memory"
    assert "850 MiB" in caught.value.detail


def test_a_task_that_computes_too_long_is_named(tmp_path):
    request, limits = talking_task.Request(act="compute"), replace(graphs.LIMITS, cpu_seconds=1)
    with pytest.raises(SandboxKilled) as caught:
        sandbox.run(talking_task.TASK, request, reads=[talking_task.TESTS], scratch=tmp_path, limits=limits)
    assert caught.value.reason == "cpu_time"


def test_the_intake_of_a_model_without_samples_ends_within_five_seconds_of_processor_time(tmp_path):
    """Each step has its own limit, and a hostile model may be slow in each."""
    limits = limits_for_intake(1000, limits=graphs.LIMITS)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(SandboxKilled) as caught:
        sandbox.run(
            talking_task.TASK,
            talking_task.Request(act="many slow steps"),
            reads=[talking_task.TESTS],
            scratch=tmp_path,
            limits=limits,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert caught.value.reason == "cpu_time"
    assert "4 s in all" in caught.value.detail
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


def test_a_scratch_folder_that_cannot_be_written_is_the_hosts_trouble(tmp_path):
    model = graphs.save(graphs.small_cnn(), tmp_path / "m.onnx")
    with pytest.raises(SandboxUnavailable):
        inspect_model(model, scratch=tmp_path / "missing", limits=graphs.LIMITS)


def test_a_child_that_writes_too_much_is_named(tmp_path):
    model = graphs.save(graphs.small_cnn(channels=64), tmp_path / "m.onnx")
    with pytest.raises(SandboxKilled) as caught:
        inspect_model(model, scratch=tmp_path, limits=replace(graphs.LIMITS, file_bytes=20_000))
    assert caught.value.reason == "file_size"


@pytest.mark.parametrize("make_promise", [lambda path: None, lambda path: path.symlink_to("/etc/passwd"), Path.mkdir])
def test_a_file_that_is_missing_or_a_link_is_not_taken(tmp_path, make_promise):
    (tmp_path / "job").mkdir()
    make_promise(tmp_path / "job" / "model.onnx")
    with pytest.raises(sandbox.TaskFailed):
        sandbox.take_file(tmp_path / "job", "model.onnx", destination=tmp_path / "taken")
    assert not (tmp_path / "taken").exists()


def test_where_the_platform_allows_it_there_is_no_network_and_no_other_process():
    code = (
        "import os, socket; from registry.compression.sandbox.confinement import namespaces\n"
        "server, outside = socket.create_server(('127.0.0.1', 0)), os.getpid()\n"
        "is_alone = namespaces.enter()\n"
        "try: socket.create_connection(server.getsockname(), timeout=2); reached = True\n"
        "except OSError: reached = False\n"
        "if os.fork() == 0: print(os.getpid() == 1, flush=True); os._exit(0)\n"
        "os.wait(); print(is_alone, is_alone != reached)"
    )
    root = Path(sandbox.__file__).parents[3]
    shown = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    is_first, is_alone, is_as_told = shown.stdout.split()
    assert is_first == is_alone
    assert is_as_told == "True"


def test_where_the_platform_allows_it_nothing_is_read_or_written_but_what_was_named(tmp_path):
    for name in ("given", "secret", "job"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    code = (
        "import json, sys; from pathlib import Path; from registry.compression.sandbox.confinement import landlock\n"
        "given, secret, job = (Path(name) for name in sys.argv[1:])\n"
        "def can(act):\n"
        "    try: act()\n"
        "    except OSError: return False\n"
        "    return True\n"
        "held = landlock.restrict(readable=[given], writable=[], changeable=[job])\n"
        "print(json.dumps([held, can((given / 'file').read_text), can(lambda: (given / 'file').write_text('x')),\n"
        "    can((secret / 'file').read_text), can(lambda: (secret / 'new').write_text('x')), can(lambda: list(secret.iterdir())),\n"
        "    can(lambda: (job / 'new').write_text('x')), can((job / 'file').unlink)]))"
    )
    command = [sys.executable, "-c", code, *(str(tmp_path / name) for name in ("given", "secret", "job"))]
    root = Path(sandbox.__file__).parents[3]
    shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    held, *able = json.loads(shown.stdout)
    assert able == ([True, False, False, False, False, True, True] if held else [True] * 7)
