"""Becomes another program that dies with the process that started it.

Runs as a script, `python -I -S launch.py SIGNAL PARENT_PID PROGRAM ARGUMENT…`. A `preexec_fn` would do the same without a
second interpreter, but is not safe in a process with threads, and a command that runs the embedded engines may have some.
The isolated interpreter finds no package of ours, so this file imports none and repeats one number of `prctl`.

1. Ask the kernel to send SIGNAL when the parent ends (prctl(2), PR_SET_PDEATHSIG; the request survives execve).
2. Leave if the parent ended before that.
3. Become the program.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(signal_number: int, parent_pid: int, command: list[str]) -> None:
    """Replace this process by the command, tied to the life of its parent."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:
        raise SystemExit("the process that started this one has gone")
    os.execvp(command[0], command)  # noqa: S606 - replacing ourselves is the point, and no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
