"""Takes system calls away from the running process, for good and for all that it starts (seccomp(2), kernel 3.17 on).

The calls that are taken away are listed in ``syscall_filter``. Call ``restrict`` after the last step that needs one of them,
and before a tool is imported.
"""

import ctypes
import os
import platform
import struct

from registry.compression.sandbox.confinement import CannotConfine, syscall_filter

# The number of seccomp(2) itself.
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER = 1
# Every thread of the process gets the filter, not only the calling one.
_FLAG_TSYNC = 1
_INSTRUCTION_BYTES = 8

_libc = ctypes.CDLL(None, use_errno=True)


def restrict(*, starts_processes: bool = True) -> None:
    """Install the filter in every thread. The process must have given up new privileges (``privileges``).

    Args:
        starts_processes: False for a process that starts threads only. Then it sends signals to nobody but itself, too.

    Raises:
        CannotConfine: No table for this processor, or the kernel refuses: without the filter no uploaded file is opened.
    """
    machine = platform.machine()
    architecture = syscall_filter.find_architecture(machine)
    if architecture is None:
        message = f"The sandbox has no list of system calls for {machine}."
        raise CannotConfine(message)
    program = syscall_filter.assemble(architecture, lone_process=None if starts_processes else os.getpid())
    instructions = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: unsigned short len; struct sock_filter *filter;
    description = struct.pack("@HP", len(program) // _INSTRUCTION_BYTES, ctypes.addressof(instructions))
    # Above zero is the id of a thread that could not be given the filter.
    result = _libc.syscall(ctypes.c_long(_SECCOMP[machine]), _SET_MODE_FILTER, _FLAG_TSYNC, description)
    if result != 0:
        code = ctypes.get_errno()
        raise CannotConfine from OSError(code, f"seccomp: {os.strerror(code)}" if result < 0 else f"thread {result}")
