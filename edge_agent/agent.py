"""The agent: enrol, then keep its duties, each when it is due, for ever.

Duties: *poll* (one per subscription asked for) · *watch* the probation · *report* · *flush* telemetry · *heartbeat*. A duty
that fails backs off by itself and holds up no other; with the server down for ever the device keeps its model.
"""

import dataclasses
import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

from edge_agent import enrollment
from edge_agent.errors import AgentError
from edge_agent.machine import capabilities
from edge_agent.machine.clock import Clock, SystemClock
from edge_agent.machine.disk import Disk
from edge_agent.server.backoff import Backoff
from edge_agent.server.client import Client, ServerRefusal, ServerTrouble
from edge_agent.settings import Settings
from edge_agent.telemetry.sender import Sender
from edge_agent.telemetry.store import Store
from edge_agent.update import reports
from edge_agent.update.download import DailyBudget
from edge_agent.update.failures import Interrupted
from edge_agent.update.updater import Outcome, Surroundings, Updater
from edge_agent.version import __version__

log = logging.getLogger(__name__)
WATCH_SECONDS = 1.0
DEFAULT_POLL_SECONDS = 300.0
LEAST_POLL_SECONDS = 0.1
BATCHES_AT_ONCE = 10


@dataclasses.dataclass(kw_only=True)
class Duty:
    """Something that is done again and again: `act` does it and returns the seconds until the next time."""

    name: str
    act: Callable[[], float]
    backoff: Backoff
    due_at: float = 0.0


class Agent:
    """One device's agent. Single-threaded; `stop` may be set from anywhere."""

    def __init__(
        self,
        settings: Settings,
        *,
        disk: Disk | None = None,
        clock: Clock | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.settings = settings
        self.stop = stop or threading.Event()
        self._disk = disk or Disk()
        self._clock = clock or SystemClock()
        self._disk.ensure_folder(settings.home)
        self.client = Client(settings.server_url, timeout_seconds=settings.http_timeout_seconds)
        self.store = Store(settings.home, durability="FULL", max_records=settings.telemetry_max_records)
        self._identity: enrollment.Identity | None = None
        self._updaters: dict[str, Updater] = {}
        self._etags: dict[str | None, str] = {}
        self._sender = Sender(
            self.store, client=self.client, device_id=settings.device_id, batch_size=settings.telemetry_batch_size
        )
        queries = settings.models or (None,)
        self._polls = [self._duty("poll", functools.partial(self._poll_duty, query)) for query in queries]
        self._heartbeat = self._duty("heartbeat", self._beat)
        self._others = [
            self._duty("watch", self._watch),
            self._duty("report", self._report),
            self._duty("flush", self._flush),
            self._heartbeat,
        ]

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self.store.close()

    def run(self) -> None:
        """Work until `stop` is set."""
        backoff = Backoff(most_seconds=self.settings.retry_max_seconds)
        while self._identity is None and not self.stop.is_set():
            try:
                self.start()
            except (AgentError, OSError) as error:
                wait = backoff.next_seconds(at_least=getattr(error, "retry_after_seconds", None))
                log.warning("not enrolled yet (%s); trying again in %.1f s", error, wait)
                self.stop.wait(wait)
        while not self.stop.is_set():
            for duty in (*self._polls, *self._others):
                self._keep(duty)
            next_at = min(duty.due_at for duty in (*self._polls, *self._others))
            self.stop.wait(max(0.0, next_at - self._clock.monotonic()))

    def start(self) -> None:
        """Have an identity, and take up what an earlier run left.

        Raises:
            AgentError: as `enrollment.ensure`.
        """
        self._identity = enrollment.ensure(
            self.client, settings=self.settings, disk=self._disk, capabilities=capabilities.list_capabilities()
        )
        self.client.token = self._identity.token
        self._resume()

    def sync(self) -> list[Outcome | str]:
        """Do one whole cycle, and return what each poll led to (an outcome, or why nothing is assigned).

        Raises:
            ServerTrouble: something did not get through; the rest was done.
            ServerRefusal: likewise.
        """
        trouble: AgentError | None = None
        outcomes: list[Outcome | str] = []
        for query in self.settings.models or (None,):
            try:
                outcomes.append(self.poll(query)[0])
            except (ServerTrouble, ServerRefusal) as error:
                trouble = error
        for act in (self._watch, self._report, self._sender.send_all, self._beat):
            try:
                act()
            except (ServerTrouble, ServerRefusal) as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble
        return outcomes

    def poll(self, query: str | None) -> tuple[Outcome | str, float | None]:
        """Ask what to run and bring it about; return what came of it and the server's wish for the next poll."""
        answer = self.client.latest(self.settings.device_id, model=query, etag=self._etags.get(query))
        outcome: Outcome | str = Outcome.UP_TO_DATE
        if answer.assignment is not None:
            # Until it is acted upon in full, the next poll must answer in full: a stopped download needs fresh addresses.
            self._etags.pop(query, None)
            outcome = self._updater(answer.assignment.model).apply(answer.assignment)
            self._heartbeat.due_at = 0.0
        elif not answer.is_unchanged:
            outcome = answer.reason
        if answer.etag is not None:
            self._etags[query] = answer.etag
        return outcome, answer.poll_after_seconds

    def _duty(self, name: str, act: Callable[[], float]) -> Duty:
        return Duty(name=name, act=act, backoff=Backoff(most_seconds=self.settings.retry_max_seconds))

    def _keep(self, duty: Duty) -> None:
        if self.stop.is_set() or self._clock.monotonic() < duty.due_at:
            return
        try:
            wait = duty.act()
            duty.backoff.reset()
        except Interrupted:
            wait = 0.0
        except (ServerTrouble, ServerRefusal) as error:
            wait = duty.backoff.next_seconds(at_least=getattr(error, "retry_after_seconds", None))
            log.warning("%s: %s; trying again in %.1f s", duty.name, error, wait)
        except Exception:  # the outermost loop: the device must keep its model whatever happens here
            wait = duty.backoff.next_seconds()
            log.exception("%s failed; trying again in %.1f s", duty.name, wait)
            # What is in memory may be ahead of the disk: read it anew.
            self._updaters.clear()
        duty.due_at = self._clock.monotonic() + wait

    def _tend(self) -> None:
        """Keep the other duties while a download runs, and stop it when the agent stops."""
        if self.stop.is_set():
            message = "stopped during a download"
            raise Interrupted(message)
        for duty in self._others:
            self._keep(duty)

    def _poll_duty(self, query: str | None) -> float:
        outcome, wish = self.poll(query)
        log.info("%s: %s", f"poll {query}" if query else "poll", outcome)
        if self.settings.poll_seconds is not None:
            return self.settings.poll_seconds
        return DEFAULT_POLL_SECONDS if wish is None else max(wish, LEAST_POLL_SECONDS)

    def _watch(self) -> float:
        if not self._updaters:
            self._resume()
        for updater in self._updaters.values():
            updater.watch()
        return WATCH_SECONDS

    def _report(self) -> float:
        for updater in self._updaters.values():
            reports.deliver(updater.journal, client=self.client)
        return WATCH_SECONDS

    def _flush(self) -> float:
        for _ in range(BATCHES_AT_ONCE):
            if self.stop.is_set() or not self._sender.send_next():
                return self.settings.telemetry_flush_seconds
        return 0.0

    def _beat(self) -> float:
        self.client.heartbeat(
            {
                "agent_version": __version__,
                "running": self.list_running(),
                "capabilities": capabilities.list_capabilities(),
                "resources": {
                    **capabilities.measure_resources(self.settings.home),
                    "telemetry": self.store.read_counters(),
                },
                "clock": self._clock.now(),
            }
        )
        return self.settings.heartbeat_seconds

    def list_running(self) -> list[dict[str, Any]]:
        """Return what each model's pointer names."""
        pointers = [updater.slots.current() for updater in self._updaters.values()]
        return [
            {"model": pointer.model, "version": pointer.version, "sha256": pointer.sha256}
            for pointer in pointers
            if pointer is not None and pointer.slot is not None
        ]

    def _resume(self) -> None:
        folder = self.settings.home / "models"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            self._updater(path.name)

    def _updater(self, model: str) -> Updater:
        if model not in self._updaters:
            updater = Updater(model, around=self._surroundings())
            updater.resume()
            self._updaters[model] = updater
        return self._updaters[model]

    def _surroundings(self) -> Surroundings:
        pinned = tuple(path.read_text(encoding="ascii") for path in self.settings.verify_keys)
        enrolled = self._identity.signing_keys if self._identity else ()
        return Surroundings(
            settings=self.settings,
            client=self.client,
            store=self.store,
            disk=self._disk,
            clock=self._clock,
            budget=DailyBudget(
                self.settings.home,
                most_bytes=self.settings.daily_download_bytes,
                disk=self._disk,
                clock=self._clock,
            ),
            signing_keys=pinned or enrolled,
            between_chunks=self._tend,
            is_stopping=self.stop.is_set,
        )
