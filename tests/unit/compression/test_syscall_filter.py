"""The filter of system calls, run by an interpreter of the few instructions that it uses."""

import errno
import struct

import pytest

from registry.compression.sandbox.confinement import syscall_filter
from registry.compression.sandbox.confinement.syscall_filter import ABSENT, ARCHITECTURES, REFUSED

ALLOWED = "allowed"
AUDIT_I386, AUDIT_ARM = 0x40000003, 0x40000028
# Calls that every tool makes: read, write, openat, mmap, futex, clone, execve, exit_group.
NEEDED = {"x86_64": [0, 1, 257, 9, 202, 56, 59, 231], "aarch64": [63, 64, 56, 222, 98, 220, 221, 94]}
CLONE, CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
# What glibc asks for: a thread (pthread_create), fork, vfork and posix_spawn (with SIGCHLD).
HARMLESS_CLONES = [0x003D0F00, 0x01200011, 0x00004111]
NAMESPACES = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]


def answer(program: bytes, *, number: int, audit: int, arguments: tuple[int, ...] = ()) -> str:
    """Return how the kernel answers a call, by the rules of bpf(4)."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("=HBBI", program))
    register, position = 0, 0
    while True:
        code, if_true, if_false, value = instructions[position]
        position += 1
        match code:
            case 0x20:
                (register,) = struct.unpack_from("=I", data, value)
            case 0x15:
                position += if_true if register == value else if_false
            case 0x45:
                position += if_true if register & value else if_false
            case 0x35:
                position += if_true if register >= value else if_false
            case 0x06:
                return ALLOWED if value == 0x7FFF0000 else errno.errorcode[value & 0xFFFF]
            case _:
                raise AssertionError(f"no instruction {code:#x}")


@pytest.fixture(params=ARCHITECTURES, ids=lambda known: known.machine)
def architecture(request):
    return request.param


def ask(architecture, number, *arguments, audit=None, lone_process=None):
    program = syscall_filter.assemble(architecture, lone_process=lone_process)
    return answer(program, number=number, audit=audit or architecture.audit, arguments=arguments)


def list_numbers(architecture, calls):
    return [numbers[architecture.column] for numbers in calls.values() if numbers[architecture.column] is not None]


def test_every_listed_call_is_refused(architecture):
    assert {ask(architecture, number) for number in list_numbers(architecture, REFUSED)} == {"EPERM"}
    assert {ask(architecture, number) for number in list_numbers(architecture, ABSENT)} == {"ENOSYS"}


def test_every_other_call_is_allowed(architecture):
    listed = set(list_numbers(architecture, REFUSED | ABSENT))
    assert {ask(architecture, number) for number in range(500) if number not in listed} == {ALLOWED}
    assert {ask(architecture, number) for number in NEEDED[architecture.machine]} == {ALLOWED}


@pytest.mark.parametrize("flag", NAMESPACES)
def test_a_clone_into_a_new_namespace_is_refused(architecture, flag):
    clone = CLONE[architecture.machine]
    for flags in (flag, flag | 0x11, flag | 0x003D0F00, 0xFFFFFFFF_00000000 | flag):
        assert ask(architecture, clone, flags) == "EPERM"
    # Only the first argument is the flags.
    assert ask(architecture, clone, 0x11, flag, flag, flag, flag) == ALLOWED


@pytest.mark.parametrize("flags", HARMLESS_CLONES)
def test_threads_and_processes_may_be_started(architecture, flags):
    assert ask(architecture, CLONE[architecture.machine], flags) == ALLOWED


@pytest.mark.parametrize(("pid", "expected"), [(0, ALLOWED), (1, "EPERM"), (4711, "EPERM"), (0xFFFFFFFF, "EPERM")])
def test_a_process_changes_itself_and_no_other(architecture, pid, expected):
    prlimit64, sched_setaffinity = {"x86_64": (302, 203), "aarch64": (261, 122)}[architecture.machine]
    assert ask(architecture, prlimit64, pid, 7, 1) == expected
    assert ask(architecture, sched_setaffinity, pid, 8, 1) == expected


@pytest.mark.parametrize(
    ("order", "expected"), [(1, ALLOWED), (4, ALLOWED), (8, "EPERM"), (10, "EPERM"), (15, "EPERM")]
)
def test_no_process_lets_the_kernel_send_signals_for_it(architecture, order, expected):
    """F_GETFD and F_SETFL are harmless; F_SETOWN, F_SETSIG and F_SETOWN_EX are not."""
    assert ask(architecture, {"x86_64": 72, "aarch64": 25}[architecture.machine], 3, order, 4711) == expected


SIGNALS = {"x86_64": [62, 234, 129, 297], "aarch64": [129, 131, 138, 240]}


@pytest.mark.parametrize("pid", [0, 1, 4711, 0xFFFFFFFF, 0xFFFFFFFF_FFFFFFFF, 0xFFFFFB7B])
def test_a_lone_process_sends_signals_to_itself_alone(architecture, pid):
    for number in SIGNALS[architecture.machine]:
        assert ask(architecture, number, pid, 9, lone_process=42) == "EPERM"
        assert ask(architecture, number, 42, 6, lone_process=42) == ALLOWED
        assert ask(architecture, number, pid, 9) == ALLOWED


def test_a_lone_process_starts_threads_and_no_process(architecture):
    clone = CLONE[architecture.machine]
    thread, *processes = HARMLESS_CLONES
    assert ask(architecture, clone, thread, lone_process=42) == ALLOWED
    assert {ask(architecture, clone, flags, lone_process=42) for flags in processes} == {"EPERM"}
    assert {ask(architecture, clone, thread | flag, lone_process=42) for flag in NAMESPACES} == {"EPERM"}


def test_a_lone_process_has_no_older_ways_either():
    x86 = syscall_filter.find_architecture("x86_64")
    fork, vfork, tkill = 57, 58, 200
    assert {ask(x86, number, lone_process=42) for number in (fork, vfork, tkill)} == {"EPERM"}


def test_clone3_seems_missing_in_the_kernel_since_its_flags_are_in_memory(architecture):
    assert ask(architecture, CLONE3, 0x7FFF0000, 64) == "ENOSYS"


@pytest.mark.parametrize("audit", [AUDIT_I386, AUDIT_ARM])
def test_every_call_of_another_processor_is_refused(architecture, audit):
    assert {ask(architecture, number, audit=audit) for number in range(500)} == {"EPERM"}


def test_every_call_of_the_second_set_of_x86_is_refused():
    x86 = syscall_filter.find_architecture("x86_64")
    assert {ask(x86, 0x40000000 + number) for number in (*range(600), 0x3FFFFFFF, 0xBFFFFFFF)} == {"EPERM"}


def test_no_number_is_listed_twice(architecture):
    numbers = list_numbers(architecture, REFUSED | ABSENT)
    assert len(numbers) == len(set(numbers))


def test_a_processor_without_a_table_is_named_by_nothing():
    assert syscall_filter.find_architecture("riscv64") is None
