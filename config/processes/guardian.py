"""Ends a run's children when the supervisor is killed before it can do so itself.

The kernel's parent-death signal reaches the supervisor's own children, not theirs: granian's workers would go on serving,
Celery's pool would go on working. This process waits on a pipe that only the supervisor holds. A word on it means that all
is done; its end without a word means that nobody is left to do it.

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
    """Tell the guardian that nothing is left to do, and wait for its end."""
    if process.poll() is None:
        process.communicate(ALL_DONE)


def main(records: Path, *, mark: str) -> None:
    """Wait for the supervisor's end, and end what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() != ALL_DONE:
        groups.end_run(records, mark=mark)


if __name__ == "__main__":
    main(Path(sys.argv[1]), mark=sys.argv[2])
