"""What a death without an answer says about a model."""

import signal

import pytest

from registry.compression.sandbox import endings
from registry.compression.sandbox.confinement import resources
from registry.compression.sandbox.endings import Death, SandboxKilled, SandboxUnavailable, TaskFailed
from tests.unit.compression.graphs import LIMITS


def explain(status, *, cpu_seconds=1.0, errors="", is_memory_short=False):
    death = Death(status=status, cpu_seconds=cpu_seconds, errors=errors, is_memory_short=is_memory_short)
    return endings.explain_death(death, limits=LIMITS)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGXCPU, "cpu_time"),
        (signal.SIGXFSZ, "file_size"),
        (signal.SIGSEGV, "crashed"),
        (signal.SIGABRT, "crashed"),
    ],
)
def test_a_signal_names_the_limit(number, reason):
    error = explain(-number)
    assert isinstance(error, SandboxKilled)
    assert error.reason == reason


def test_a_kill_from_outside_says_nothing_about_the_model():
    assert isinstance(explain(-signal.SIGKILL), SandboxUnavailable)


def test_a_kill_at_the_kernels_last_second_is_processor_time():
    """Native code may put its own limit up, to the kernel's last."""
    error = explain(-signal.SIGKILL, cpu_seconds=resources.get_last_cpu_second(LIMITS.cpu_seconds) - 0.1)
    assert isinstance(error, SandboxKilled)
    assert error.reason == "cpu_time"


@pytest.mark.parametrize("errors", ["terminate called after throwing std::bad_alloc", "MemoryError"])
def test_last_words_about_memory_go_before_the_signal(errors):
    assert explain(-signal.SIGABRT, errors=errors).reason == "out_of_memory"


def test_a_kill_while_the_kernel_killed_for_memory_is_memory():
    assert explain(-signal.SIGKILL, is_memory_short=True).reason == "out_of_memory"


def test_an_exit_without_an_answer_is_an_error_of_the_task():
    assert isinstance(explain(3), TaskFailed)
