"""A task that has been taken over: inside the sandbox it tries each way out, and reports how the kernel answered."""

import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import msgspec

from registry.compression.sandbox.limits import Limits

# The numbers are written down again here, so that a mistake in the filter's own table is noticed.
NUMBERS = {
    "x86_64": {"socket": 41, "socketpair": 53, "connect": 42, "ptrace": 101, "process_vm_readv": 310, "keyctl": 250, "bpf": 321,
               "userfaultfd": 323, "mount": 165, "unshare": 272, "clone": 56, "shmget": 29, "msgget": 68},
    "aarch64": {"socket": 198, "socketpair": 199, "connect": 203, "ptrace": 117, "process_vm_readv": 270, "keyctl": 219,
                "bpf": 280, "userfaultfd": 282, "mount": 40, "unshare": 97, "clone": 220,
                "shmget": 194, "msgget": 186},
}[platform.machine()]  # fmt: skip
IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER, PIDFD_GETFD, CLONE3, FCHMODAT2 = 425, 426, 427, 438, 435, 452
X32_BIT = 0x40000000
PTRACE_ATTACH, CLONE_NEWUSER = 16, 0x10000000
# The namespaces of clone(2). A time namespace can be asked of clone3 and unshare alone.
NAMESPACES = {
    "mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": CLONE_NEWUSER, "pid": 0x20000000,
    "network": 0x40000000,
}  # fmt: skip
# Without arguments of their own these calls would do another thing: clone would be a fork.
WITH_ARGUMENTS = {"ptrace", "unshare", "clone", "shmget", "msgget"}
_libc = ctypes.CDLL(None, use_errno=True)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The sockets of the engines, and files with secrets."""

    sockets: list[str]
    files: list[str]


def run(request: Request, *, job: Path, limits: Limits) -> dict[str, str]:
    """Return each attempt with the name of the error that it ended in, or `worked`."""
    attempts: dict[str, Callable[[], object]] = {
        **{f"connect {path}": lambda path=path: _connect(socket.AF_UNIX, path) for path in request.sockets},
        **{f"read {path}": lambda path=path: Path(path).read_bytes() for path in request.files},
        **{f"open to all {path}": lambda path=path: Path(path).chmod(0o777) for path in request.files},
        **{f"give away {path}": lambda path=path: os.chown(path, 1, 1) for path in request.files},
        **{f"attribute {path}": lambda path=path: os.setxattr(path, "user.x", b"y") for path in request.files},
        **{f"time {path}": lambda path=path: os.utime(path, (0, 0)) for path in request.files},
        **{
            f"fchmodat2 {path}": lambda path=path: _call(FCHMODAT2, -100, path.encode(), 0o777, 0)
            for path in request.files
        },
        "limits of its parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (9, 9)),
        "priority of its parent": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
        "processors of its parent": lambda: os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0)),
        "shared memory": lambda: _call("shmget", 4711, 4096, 0o1666),
        "message queue": lambda: _call("msgget", 4711, 0o1666),
        "list shared memory": lambda: list(Path("/dev/shm").iterdir()),
        "connect to this machine": lambda: _connect(socket.AF_INET, ("127.0.0.1", 1)),
        "socketpair": socket.socketpair,
        **{f"family {family}": lambda family=family: _call("socket", family, 2, 0) for family in range(1, 46)},
        **{name: lambda name=name: _call(name, 0, 0, 0, 0, 0) for name in NUMBERS if name not in WITH_ARGUMENTS},
        "ptrace": lambda: _call("ptrace", PTRACE_ATTACH, os.getppid(), 0, 0),
        "unshare": lambda: _call("unshare", CLONE_NEWUSER),
        **{f"clone {name}": lambda flag=flag: _clone(flag) for name, flag in NAMESPACES.items()},
        "clone3": lambda: _clone3(CLONE_NEWUSER),
        "x32 socket": lambda: _call(X32_BIT + NUMBERS["socket"], 1, 1, 0),
        "x32 read": lambda: _call(X32_BIT, 0, 0, 0),
        "io_uring_setup": lambda: _call(IO_URING_SETUP, 8, ctypes.create_string_buffer(120)),
        "io_uring_enter": lambda: _call(IO_URING_ENTER, -1, 0, 0, 0),
        "io_uring_register": lambda: _call(IO_URING_REGISTER, -1, 0, 0, 0),
        "pidfd_getfd": lambda: _call(PIDFD_GETFD, -1, 0, 0),
    }
    return {name: _try(attempt) for name, attempt in attempts.items()}


def _connect(family: int, address: object) -> None:
    with socket.socket(family) as connection:
        connection.settimeout(2)
        connection.connect(address)


def _clone(flag: int) -> None:
    """Start a child in a new namespace. The child ends at once."""
    _leave_if_child(_call("clone", flag | signal.SIGCHLD, None, None, None, None))


def _clone3(flag: int) -> None:
    # struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls
    arguments = struct.pack("=8Q", flag, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    _leave_if_child(_call(CLONE3, ctypes.create_string_buffer(arguments, len(arguments)), len(arguments)))


def _leave_if_child(pid: int) -> None:
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _call(name: str | int, *arguments: object) -> int:
    """Make a system call without the C library's function for it."""
    number = NUMBERS[name] if isinstance(name, str) else name
    result = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(result)


def _try(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "worked"
