"""Starts the interpreter of a task behind all layers of ``confinement``. Runs as a process of its own, with the standard library only.

    python -S -m registry.compression.sandbox.launcher JOB_FOLDER STATUS_DESCRIPTOR PROGRESS_DESCRIPTOR

1. enter new namespaces, and start the first process in them
2. the first process starts the task's process, and waits for it. When it ends, the kernel ends all others in the namespace, also
   those that left their parent or their session
3. the task's process confines itself while it has one thread: limits, rights, Landlock, the filter of system calls. Landlock does
   not hold for a thread that runs already, and ONNX Runtime starts threads on import
4. only then it becomes the interpreter (exec), which imports the task and its tools
5. the status of the task's process goes to the parent through a pipe that the task does not hold

SIGTERM ends the task. This process ends when its namespace has no process left. Where the platform has no process namespace, the
task's process is the only one: the filter lets it start threads and no processes.
"""

import json
import os
import select
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from registry.compression.sandbox.confinement import (
    CannotConfine,
    landlock,
    namespaces,
    privileges,
    readable,
    resources,
    seccomp,
)

# As in ``protocol``, which needs more than the standard library.
REQUEST: Final = "request.json"
RESPONSE: Final = "response.json"
# Wait status, and seconds of processor time, of the task's process.
STATUS: Final = struct.Struct("=id")
ROOT: Final = Path(__file__).resolve().parents[3]
_WAITED_FOR = {signal.SIGTERM, signal.SIGCHLD}


class NoProcessNamespace(CannotConfine):
    """The task starts processes, and nothing would end those that it leaves behind."""


def main(job: Path, *, status: int, progress: int) -> int:
    """Run the task of this job folder to its end. 0 when it ended, in whatever way."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    order = json.loads((job / REQUEST).read_bytes())
    try:
        privileges.die_with_parent(order["parent_pid"])
    except privileges.ParentIsGone:
        return 1
    # The task's process does not get it.
    os.set_inheritable(status, False)  # noqa: FBT003 - os gives the argument no name
    is_alone = namespaces.enter()
    launcher_pid = os.getpid()

    def run_task() -> NoReturn:
        _become_task(order, job=job, progress=progress, launcher_pid=None if is_alone else launcher_pid)

    if is_alone:
        _supervise_namespace(run_task, status=status)
    else:
        _report(status, _wait_for(_fork(run_task)))
    return 0


def _supervise_namespace(run_task: Callable[[], NoReturn], *, status: int) -> None:
    """Start the first process of the namespace and wait until the kernel has ended all others there."""
    alive_end, held_end = os.pipe()

    def be_first() -> NoReturn:
        os.close(held_end)
        privileges.die_with_parent()
        if select.select([alive_end], [], [], 0)[0]:
            # The launcher died before the kernel could tie this process to it.
            os._exit(1)
        os.close(alive_end)
        namespaces.show_own_processes()
        privileges.hide_memory()
        _report(status, _wait_for(_fork(run_task)))
        os._exit(0)

    _wait_for(_fork(be_first))


def _become_task(order: dict[str, Any], *, job: Path, progress: int, launcher_pid: int | None) -> NoReturn:
    """Confine this process and exec the interpreter of the task; an error before that becomes the answer."""
    try:
        privileges.die_with_parent(launcher_pid)
        _confine(order, job=job, is_alone=launcher_pid is None)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            # Python ignores these; the next program decides for itself.
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAITED_FOR)
        command = [order["interpreter"], "-s", "-X", "utf8", str(Path(__file__).with_name("start.py"))]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command += ["registry.compression.sandbox.child", str(job), str(progress)]
        os.execve(command[0], command, environment)  # noqa: S606 - no shell, and a fixed command
    except privileges.ParentIsGone:
        os._exit(1)
    except Exception as error:  # noqa: BLE001 - the outermost loop of this process: every error becomes an answer
        traceback.print_exc()
        detail = str(error) if isinstance(error, NoProcessNamespace) else "The sandbox could not be shut on this host."
        answer = {"ending": "unavailable", "detail": detail}
        (job / RESPONSE).write_text(json.dumps(answer), encoding="utf-8")
    os._exit(0)


def _confine(order: dict[str, Any], *, job: Path, is_alone: bool) -> None:
    if order["starts_processes"] and not is_alone:
        message = "The task starts processes, and this host gives it no process namespace."
        raise NoProcessNamespace(message)
    limits, code = order["limits"], [ROOT / "registry", ROOT / "core"]
    privileges.be_first_to_die()
    resources.limit(**{name: limits[name] for name in ("memory_bytes", "cpu_seconds", "file_bytes", "open_files")})
    privileges.give_up()
    landlock.restrict(
        readable=[*readable.list_own_code(ROOT), *readable.list_kernel_files(), *map(Path, order["reads"])],
        # /proc/self is where the mark of the highest memory use is reset.
        writable=[Path("/proc/self"), Path("/dev/null")],
        changeable=[job],
        listable=code,
        executable=[*readable.list_system(), *map(Path, order["installed"])],
    )
    seccomp.restrict(starts_processes=order["starts_processes"])


def _fork(act: Callable[[], NoReturn]) -> int:
    """Start a process that does ``act`` and return its id. This process has one thread."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(1)
    return pid


def _wait_for(pid: int) -> tuple[int, float]:
    """Return the wait status of a child, and the processor time that it used. Others that end meanwhile are reaped; SIGTERM kills the child."""
    while True:
        if signal.sigwait(_WAITED_FOR) == signal.SIGTERM:
            os.kill(pid, signal.SIGKILL)
        try:
            while (ended := os.wait4(-1, os.WNOHANG))[0]:
                if ended[0] == pid:
                    return ended[1], ended[2].ru_utime + ended[2].ru_stime
        except ChildProcessError:
            return signal.SIGKILL, 0.0


def _report(status: int, ended: tuple[int, float]) -> None:
    os.write(status, STATUS.pack(*ended))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), status=int(sys.argv[2]), progress=int(sys.argv[3])))
