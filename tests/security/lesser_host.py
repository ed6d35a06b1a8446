"""Runs the taken-over task on a host that lacks system calls: `python -m tests.security.lesser_host CALLS RUN`, both JSON.

A filter of system calls in this process, which its children inherit, answers the named calls as an old kernel or a container would.
"""

import ctypes
import errno
import json
import platform
import struct
import sys
from pathlib import Path

from core.errors import DomainError
from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox.confinement import syscall_filter
from registry.compression.sandbox.protocol import Task
from tests.security import takeover_task
from tests.unit.compression.graphs import LIMITS

# Without Landlock, without unshare (as in a container), without seccomp(2).
NO_LANDLOCK = {444: errno.ENOSYS}
NO_NAMESPACES = {{"x86_64": 272, "aarch64": 97}[platform.machine()]: errno.EPERM}
NO_FILTER = {{"x86_64": 317, "aarch64": 277}[platform.machine()]: errno.EINVAL}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2


def lack(numbers: dict[str, int]) -> None:
    """Answer these system calls with these errors from now on."""
    load, otherwise = syscall_filter._instruct(0x20, 0), syscall_filter._ALLOW
    rules = [
        part
        for number, error in numbers.items()
        for part in (
            syscall_filter._instruct(0x15, int(number), if_false=1),
            syscall_filter._instruct(0x06, 0x00050000 | error),
        )
    ]
    program = b"".join([load, *rules, otherwise])
    instructions = ctypes.create_string_buffer(program, len(program))
    description = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, description) != 0:
        raise OSError(ctypes.get_errno(), "no filter")


def main() -> None:
    numbers, order = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    lack(numbers)
    task = Task(
        name="taken",
        module="tests.security.takeover_task",
        answer=dict[str, str],
        starts_processes=order.pop("starts_processes"),
    )
    scratch = Path(order.pop("scratch"))
    try:
        request = takeover_task.Request(**order)
        reads = [Path(takeover_task.__file__).parents[1]]
        found, _ = sandbox.run(task, request, reads=reads, scratch=scratch, limits=LIMITS)
    except DomainError as error:
        found = {"error": error.code, "detail": error.detail}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
