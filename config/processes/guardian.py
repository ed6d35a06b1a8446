"""Ends a run's children when the supervisor is killed before it can do so itself.

The kernel's parent-death signal reaches the supervisor's own children, but not their children: granian's workers would go
on serving, and Celery's pool would go on working. The guardian waits on a pipe that only the supervisor holds. When the
supervisor has ended all children it writes a word to the pipe. When the pipe ends without that word, the supervisor was
killed, and the guardian ends the children.

Run as `python -S -m config.processes.guardian RECORDS MARK`, with the pipe as standard input.
"""

import signal
import subprocess
import sys
from pathlib import Path

from config.processes import groups
from config.processes.spawning import Run

ALL_DONE = b"done"
ROOT = Path(__file__).resolve().parents[2]


def start(run: Run) -> subprocess.Popen[bytes]:
    """Start the guardian of a run, in a session of its own, before the first child."""
    # The guardian needs no installed package, and starts faster without site-packages (-S).
    command = (sys.executable, "-S", "-m", "config.processes.guardian", str(run.records), run.mark)
    return subprocess.Popen(  # noqa: S603 - our own command line
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def dismiss(process: subprocess.Popen[bytes]) -> None:
    """Tell the guardian that all children have been ended, and wait for its end."""
    if process.poll() is None:
        process.communicate(ALL_DONE)


def main(records: Path, *, mark: str) -> None:
    """Wait for the end of the supervisor, and end the children that it left."""
    # A service manager may signal every process of the service, and the guardian has to outlive the supervisor.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() != ALL_DONE:
        groups.end_run(records, mark=mark)


if __name__ == "__main__":
    main(Path(sys.argv[1]), mark=sys.argv[2])
