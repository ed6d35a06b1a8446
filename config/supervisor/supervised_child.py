"""Holds the state of one child: its process, its pipe, its failures, and when it may start again."""

import os
import subprocess
import time

from config.processes import groups, spawning
from config.supervisor.child import SETTLED_SECONDS, Child, choose_delay_seconds
from config.supervisor.output import LineReader


class SupervisedChild:
    """One child and its process. Knows nothing of the other children."""

    def __init__(self, child: Child, *, run: spawning.Run) -> None:
        self.child = child
        self.reader: LineReader | None = None
        self._last_line = ""
        self.failures = 0
        self.is_ready = False
        self.first_started_at: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._run = run
        self._started_at = 0.0
        self._start_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process that leads the child's session. None before a start and after `end_all`."""
        return self._process.pid if self._process else None

    @property
    def last_words(self) -> str:
        """The child's last line, as a part of a sentence that says why a start failed."""
        return f"its last line: {self._last_line}" if self._last_line else "it wrote nothing"

    def read_lines(self) -> tuple[list[bytes], bool]:
        """Return the complete lines from the child's pipe, and whether the pipe has ended."""
        if self.reader is None:
            return [], False
        lines, has_ended = self.reader.read()
        for line in lines:
            self._last_line = line.decode(errors="replace").strip() or self._last_line
        return lines, has_ended

    def is_due(self, *, now: float) -> bool:
        """Return whether the process has to be started now."""
        is_done = self.child.runs_once and self.is_ready
        return self._process is None and not is_done and now >= self._start_at

    def start(self) -> None:
        """Start the process, with a new pipe for its output.

        Raises:
            DomainError: when the child cannot be prepared.
            OSError: when the program cannot be started.
        """
        now = time.monotonic()
        self._started_at = now
        self.first_started_at = self.first_started_at or now
        if self.child.prepare:
            self.child.prepare()
        read_end, write_end = os.pipe()
        try:
            self._process = spawning.spawn(
                self.child.command,
                run=self._run,
                name=self.child.name,
                environment=self.child.environment,
                directory=self.child.directory,
                end_signal=self.child.end_signal,
                output=write_end,
            )
        except OSError:
            os.close(read_end)
            raise
        finally:
            # The child has its own copy. With ours open, the pipe would not end when the child does.
            os.close(write_end)
        self.reader = LineReader(read_end)

    def note_failure(self) -> float:
        """Count a failed start or an unexpected end, and return the seconds until the next start."""
        now = time.monotonic()
        self.failures = 1 if now - self._started_at >= SETTLED_SECONDS else self.failures + 1
        delay = choose_delay_seconds(self.failures)
        self._start_at = now + delay
        return delay

    def signal_stop(self) -> None:
        """Ask the leading process for an orderly end. granian and Celery pass the signal on to their workers."""
        if self._process:
            self._process.send_signal(self.child.stop_signal)

    def is_alive(self) -> bool:
        """Return whether a process of the child's session is left."""
        return self._process is not None and bool(groups.list_members(self._process.pid))

    def end_all(self) -> None:
        """End every process of the child, in its own session or in another, and forget the leading one."""
        if self._process is None:
            return
        leader, mark = self._process.pid, self._run.mark_of(self.child.name)
        # First the session, then what has left the session and is known by its mark alone.
        groups.end(lambda: groups.list_members(leader), first=self.child.end_signal, grace_seconds=1)
        groups.end(lambda: groups.list_marked(mark), first=self.child.end_signal, grace_seconds=1)
        groups.erase_record(self._run.records, name=self.child.name)
        # Returns at once: the leading process is dead, and the loop may have collected it already.
        self._process.wait()
        self._process = None
