"""The filter of system calls, installed in real processes."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox.confinement import CannotConfine, seccomp

ROOT = Path(sandbox.__file__).parents[3]
CONFINE = """
import os, socket, subprocess, sys, threading
from registry.compression.sandbox.confinement import privileges, seccomp

def try_a_socket():
    go.wait()
    try:
        socket.socket(socket.AF_UNIX)
    except PermissionError:
        print("refused", flush=True)

go = threading.Event()
earlier = threading.Thread(target=try_a_socket)
earlier.start()
privileges.give_up()
seccomp.restrict()
go.set()
earlier.join()
try_a_socket()
later = threading.Thread(target=try_a_socket)
later.start()
later.join()
subprocess.run([sys.executable, "-c", "import socket\\ntry: socket.socket()\\nexcept PermissionError: print('refused')"])
"""

# Where the child could not get a user namespace of its own, the kernel itself would let it make one with every right.
CLONE = """
import ctypes, os, signal
from registry.compression.sandbox.confinement import seccomp
from tests.security import hostile_task
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
seccomp.restrict()
for attempt in (hostile_task._clone, hostile_task._clone3):
    try:
        attempt(hostile_task.CLONE_NEWUSER)
        print("worked")
    except OSError as error:
        print(error.strerror)
"""


def test_it_holds_for_earlier_threads_for_later_ones_for_the_process_and_for_the_programs_that_it_starts():
    shown = subprocess.run([sys.executable, "-c", CONFINE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout == "refused\n" * 4


def test_a_process_without_a_user_namespace_gets_none():
    shown = subprocess.run([sys.executable, "-c", CLONE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ["Operation not permitted", "Function not implemented"]


def test_a_processor_without_a_table_gets_no_sandbox(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(CannotConfine, match="riscv64"):
        seccomp.restrict()


def test_a_kernel_that_refuses_the_filter_gets_no_sandbox():
    # Without rights, and without the promise to take no new ones, the kernel refuses every filter.
    code = (
        "import os; from registry.compression.sandbox.confinement import seccomp\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try: seccomp.restrict()\n"
        "except seccomp.CannotConfine as error: print(repr(error.__cause__))"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "seccomp: Permission denied" in shown.stdout
