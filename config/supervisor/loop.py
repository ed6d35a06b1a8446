"""Supervises children: starts them in order, restarts the ones that end, stops them in order. One thread, one loop.

1. Start each child that is due and whose needs are ready. Ask the started ones whether they are ready.
2. When all are ready for the first time, report it.
3. When a child ends, end its whole old session, log the reason, and start the child again after a delay.
4. At SIGINT, SIGTERM or SIGHUP stop the ranks one after the other, within ten seconds of grace. At a second request, more
   than two seconds after the first one, kill at once.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from types import FrameType

from config.processes import guardian, spawning
from config.supervisor.child import Child, describe_end
from config.supervisor.output import Output
from config.supervisor.stop_requests import StopRequests
from config.supervisor.supervised_child import SupervisedChild
from core.errors import DomainError, Kind

START_SECONDS = 120
# A child that has failed this often and has never been ready will not become ready by another start.
FUTILE_STARTS = 5
ASK_AGAIN_SECONDS = 0.05
IDLE_SECONDS = 1.0
LAST_WORDS_SECONDS = 1.0


class StartFailed(DomainError):
    """The server cannot be started."""

    code = "start_failed"
    kind = Kind.UNAVAILABLE


class Supervisor:
    """Supervises the children of one run."""

    def __init__(self, children: Sequence[Child], *, run: spawning.Run, output: Output) -> None:
        self._children = [SupervisedChild(child, run=run) for child in children]
        self._run = run
        self._output = output
        self._stop_requests = StopRequests()
        self._has_told = False
        self._selector = selectors.DefaultSelector()
        self._guardian: subprocess.Popen[bytes] | None = None

    def supervise(self, *, on_ready: Callable[[], None], is_asked_to_stop: Callable[[], bool] = lambda: False) -> None:
        """Run until a signal or `is_asked_to_stop` says stop. No child is left when this returns or raises.

        Raises:
            StartFailed: when a child does not become ready.
        """
        # A worker of granian or Celery whose parent is killed becomes a child of this process, which collects it when it
        # ends. In a container there may be no other process that does so.
        spawning.adopt_orphans()
        with self._signals():
            self._guardian = guardian.start(self._run)
            try:
                while not self._stop_requests.is_stopping and not is_asked_to_stop():
                    self._step(on_ready=on_ready)
            finally:
                self._stop_all()

    def _step(self, *, on_ready: Callable[[], None]) -> None:
        self._reap()
        self._start_due()
        self._ask_readiness()
        if not self._has_told and all(supervised.is_ready for supervised in self._children):
            self._has_told = True
            on_ready()
        is_busy = not self._has_told or any(
            supervised.pid is None for supervised in self._children if not supervised.child.runs_once
        )
        self._relay(timeout=ASK_AGAIN_SECONDS if is_busy or self._output.is_waiting else IDLE_SECONDS)

    def _start_due(self) -> None:
        ready = {supervised.child.name for supervised in self._children if supervised.is_ready}
        for supervised in self._children:
            if self._stop_requests.is_stopping:
                return
            if not supervised.is_due(now=time.monotonic()) or not ready.issuperset(supervised.child.needs):
                continue
            try:
                supervised.start()
            except (DomainError, OSError) as error:
                supervised.note_failure()
                self._note(f"{supervised.child.name} cannot be started: {error}")
                self._refuse_if_futile(supervised, reason=str(error))
                continue
            if supervised.reader:
                self._selector.register(supervised.reader.descriptor, selectors.EVENT_READ, supervised)
            if supervised.child.is_ready is None and not supervised.child.runs_once:
                supervised.is_ready = True

    def _ask_readiness(self) -> None:
        for supervised in self._children:
            if supervised.is_ready or supervised.pid is None or self._stop_requests.is_stopping:
                continue
            if supervised.child.is_ready and supervised.child.is_ready():
                supervised.is_ready = True
            elif supervised.first_started_at and time.monotonic() - supervised.first_started_at > START_SECONDS:
                raise StartFailed(
                    f"{supervised.child.name} is not ready after {START_SECONDS} seconds; {supervised.last_words}"
                )

    def _reap(self) -> None:
        for pid, exit_code in _reap_all():
            if self._guardian and pid == self._guardian.pid:
                self._guardian = guardian.start(self._run)
            for supervised in self._children:
                if supervised.pid == pid:
                    self._note_end(supervised, exit_code=exit_code)

    def _note_end(self, supervised: SupervisedChild, *, exit_code: int) -> None:
        pid = supervised.pid
        supervised.end_all()
        self._drain(supervised)
        if supervised.child.runs_once and exit_code == 0:
            supervised.is_ready = True
            return
        delay, reason = supervised.note_failure(), describe_end(exit_code)
        plan = "" if supervised.child.runs_once else f"; next start in {delay:g} s"
        self._note(f"{supervised.child.name} (pid {pid}) {reason}{plan}")
        self._refuse_if_futile(supervised, reason=f"{reason}; {supervised.last_words}")

    def _refuse_if_futile(self, supervised: SupervisedChild, *, reason: str) -> None:
        if supervised.is_ready:
            return
        if supervised.child.runs_once or supervised.failures >= FUTILE_STARTS:
            raise StartFailed(f"{supervised.child.name}: {reason}")

    def _stop_all(self) -> None:
        """Stop rank by rank. A child that outlives its grace is killed before the next rank is asked to stop."""
        ranked = sorted(self._children, key=_get_rank)
        for _rank, members in groupby(ranked, key=_get_rank):
            self._stop_rank(list(members))
        if self._guardian:
            guardian.dismiss(self._guardian)
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while self._output.is_waiting and time.monotonic() < deadline:
            self._relay(timeout=ASK_AGAIN_SECONDS)

    def _stop_rank(self, rank: list[SupervisedChild]) -> None:
        for supervised in rank:
            supervised.signal_stop()
        deadline = time.monotonic() + max(supervised.child.stop_seconds for supervised in rank)
        while any(supervised.is_alive() for supervised in rank) and time.monotonic() < deadline:
            if self._stop_requests.is_urgent:
                break
            # A process that has ended is a zombie until it is collected. Whose it was does not matter any more.
            _reap_all()
            self._relay(timeout=ASK_AGAIN_SECONDS)
        for supervised in rank:
            if supervised.is_alive():
                self._note(f"{supervised.child.name} did not stop in time and is killed")
            supervised.end_all()
            self._drain(supervised)

    def _relay(self, *, timeout: float) -> None:
        for key, _events in self._selector.select(timeout):
            if isinstance(key.data, SupervisedChild):
                self._read(key.data)
            elif isinstance(key.fileobj, socket.socket):
                # The bytes say only that a signal came; its handler has run.
                key.fileobj.recv(4096)
        self._output.flush()

    def _read(self, supervised: SupervisedChild) -> None:
        lines, has_ended = supervised.read_lines()
        for line in lines:
            self._output.add(supervised.child.name, line)
        if has_ended:
            self._close(supervised)

    def _drain(self, supervised: SupervisedChild) -> None:
        """Relay a child's last lines. All its processes have been ended, so no more lines can come."""
        self._read(supervised)
        self._close(supervised)
        self._output.flush()

    def _close(self, supervised: SupervisedChild) -> None:
        if supervised.reader:
            self._selector.unregister(supervised.reader.descriptor)
            os.close(supervised.reader.descriptor)
            supervised.reader = None

    def _note(self, sentence: str) -> None:
        self._output.add("supervisor", sentence)
        self._output.flush()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Record the requests to stop. Wake the loop for them and for children that end."""
        receiver, sender = socket.socketpair()
        for end in (receiver, sender):
            end.settimeout(0)
        self._selector.register(receiver, selectors.EVENT_READ)
        old_wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        old = {number: signal.signal(number, self._request_stop) for number in stops}
        # A handler that does nothing: without one, Python writes no byte to the wakeup descriptor for this signal.
        old[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        try:
            yield
        finally:
            signal.set_wakeup_fd(old_wakeup)
            for number, handler in old.items():
                signal.signal(number, handler)
            receiver.close()
            sender.close()

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests.note(at=time.monotonic())


def _get_rank(supervised: SupervisedChild) -> int:
    return supervised.child.stop_rank


def _reap_all() -> list[tuple[int, int]]:
    """Return every process that has ended, with its exit code: our children, and orphans that the kernel gave to us."""
    ended = list[tuple[int, int]]()
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append((found[0], os.waitstatus_to_exitcode(found[1])))
    return ended
