"""The agent: it enrolls the device once, then does its duties for ever, each when it is due.

1. *poll*, one for each model that the settings name: ask which version to run, and update to it.
2. *watch* the models on probation.
3. *report* the steps of attempts.
4. *flush* the telemetry that waits.
5. *heartbeat*.

A duty that fails waits longer each time, and delays no other duty. Without a server the device keeps its model for ever.
"""

import dataclasses
import functools
import logging
import threading
from collections.abc import Callable

from edge_agent import enrollment
from edge_agent.errors import AgentError
from edge_agent.inference import providers
from edge_agent.installed import folders
from edge_agent.installed import manifest as manifests
from edge_agent.machine import capabilities, resources
from edge_agent.machine.capabilities import Capabilities
from edge_agent.machine.clock import Clock, SystemClock
from edge_agent.machine.disk import Disk
from edge_agent.server.backoff import Backoff
from edge_agent.server.bodies import Running
from edge_agent.server.client import Client
from edge_agent.server.failures import ServerRefusal, ServerTrouble
from edge_agent.settings import Settings
from edge_agent.telemetry.sender import Sender
from edge_agent.telemetry.store import Store
from edge_agent.update import reports, signature
from edge_agent.update.download import DailyBudget
from edge_agent.update.failures import Interrupted
from edge_agent.update.updater import Dependencies, Outcome, Updater
from edge_agent.version import __version__

log = logging.getLogger(__name__)
WATCH_SECONDS = 1.0
DEFAULT_POLL_SECONDS = 300.0
LEAST_POLL_SECONDS = 0.1
# A long queue of telemetry must not keep the other duties waiting.
BATCHES_AT_ONCE = 10


@dataclasses.dataclass(kw_only=True)
class Duty:
    """A task that comes again: `act` does it and returns the seconds until the next time.

    `due_at` is in seconds of the monotonic clock.
    """

    name: str
    act: Callable[[], float]
    backoff: Backoff
    due_at: float = 0.0


class Agent:
    """One device's agent. One thread runs it; any thread or signal handler may set `stop`."""

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
        models = settings.models or (None,)
        self._polls = [self._duty("poll", functools.partial(self._poll_duty, model)) for model in models]
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
                wait = backoff.next_seconds(at_least=_read_wish(error))
                log.warning("not enrolled yet (%s); trying again in %.1f s", error, wait)
                self.stop.wait(wait)
        while not self.stop.is_set():
            for duty in (*self._polls, *self._others):
                self._do_if_due(duty)
            next_at = min(duty.due_at for duty in (*self._polls, *self._others))
            self.stop.wait(max(0.0, next_at - self._clock.monotonic()))

    def start(self) -> None:
        """Get or read the device's identity, and resume the updates that an earlier run left unfinished.

        Raises:
            AgentError: as `enrollment.ensure`.
        """
        self._identity = enrollment.ensure(
            self.client, settings=self.settings, disk=self._disk, capabilities=self._list_capabilities()
        )
        self.client.token = self._identity.token
        self._resume()

    def sync(self) -> list[Outcome | str]:
        """Do every duty once and return the result of each poll: an outcome, or the reason why nothing is assigned.

        Raises:
            ServerTrouble: a duty could not reach the server; the others were done.
            ServerRefusal: the server refused a duty; the others were done.
        """
        trouble: AgentError | None = None
        outcomes: list[Outcome | str] = []
        for model in self.settings.models or (None,):
            try:
                outcomes.append(self.poll(model)[0])
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

    def poll(self, model: str | None) -> tuple[Outcome | str, float | None]:
        """Ask which version of a model to run, and update to it; None means the device's first subscription.

        Returns the result (an outcome, or the reason why nothing is assigned), and the wait until the next poll where the
        server asks for one.

        Raises:
            ServerTrouble: try again later.
            ServerRefusal: 4xx.
            Interrupted: the agent is stopping.
        """
        answer = self.client.latest(self.settings.device_id, model=model, etag=self._etags.get(model))
        outcome: Outcome | str = Outcome.UP_TO_DATE
        if answer.assignment is not None:
            # Until the update is done, the next poll must answer in full: a stopped download needs fresh addresses.
            self._etags.pop(model, None)
            outcome = self._updater(answer.assignment.model).apply(answer.assignment)
            # The fleet's pages show the running version from heartbeats, so the next one goes out at once.
            self._heartbeat.due_at = 0.0
        elif not answer.is_unchanged:
            outcome = answer.reason
        if answer.etag is not None:
            self._etags[model] = answer.etag
        return outcome, answer.poll_after_seconds

    def _duty(self, name: str, act: Callable[[], float]) -> Duty:
        return Duty(name=name, act=act, backoff=Backoff(most_seconds=self.settings.retry_max_seconds))

    def _do_if_due(self, duty: Duty) -> None:
        if self.stop.is_set() or self._clock.monotonic() < duty.due_at:
            return
        try:
            wait = duty.act()
            duty.backoff.reset()
        except Interrupted:
            wait = 0.0
        except (ServerTrouble, ServerRefusal) as error:
            wait = duty.backoff.next_seconds(at_least=_read_wish(error))
            log.warning("%s: %s; trying again in %.1f s", duty.name, error, wait)
        except Exception:  # the outermost loop: an error in one duty must not end the others
            wait = duty.backoff.next_seconds()
            log.exception("%s failed; trying again in %.1f s", duty.name, wait)
            # A failed write leaves the journal in memory ahead of the one on the disk: read it anew.
            self._updaters.clear()
        duty.due_at = self._clock.monotonic() + wait

    def _do_others(self) -> None:
        """Do the other duties while a download runs, and stop the download when the agent stops."""
        if self.stop.is_set():
            message = "stopped during a download"
            raise Interrupted(message)
        for duty in self._others:
            self._do_if_due(duty)

    def _poll_duty(self, model: str | None) -> float:
        outcome, wish = self.poll(model)
        log.info("%s: %s", f"poll {model}" if model else "poll", outcome)
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
                "capabilities": self._list_capabilities(),
                "resources": {**resources.measure(self.settings.home), "telemetry": self.store.read_counters()},
                "clock": self._clock.now(),
            }
        )
        return self.settings.heartbeat_seconds

    def list_running(self) -> list[Running]:
        """Return the version in use of each model; a model without one is left out."""
        pointers = [updater.slots.current() for updater in self._updaters.values()]
        return [
            {"model": pointer.model, "version": pointer.version, "sha256": pointer.sha256}
            for pointer in pointers
            if pointer is not None and pointer.slot is not None
        ]

    def _list_capabilities(self) -> Capabilities:
        try:
            pinned = signature.list_key_ids(self._list_pinned_keys())
        except OSError:
            log.exception("a key of verify_keys cannot be read")
            pinned = []
        return capabilities.list_capabilities(
            providers=providers.list_providers(),
            engines=providers.list_engines(),
            manifest_schemas=list(manifests.SCHEMAS),
            pinned_keys=pinned,
        )

    def _list_pinned_keys(self) -> tuple[str, ...]:
        # Keys of a setting replace those of the enrollment: an operator who pins keys trusts no others.
        pinned = tuple(path.read_text(encoding="ascii") for path in self.settings.verify_keys)
        enrolled = self._identity.signing_keys if self._identity else ()
        return pinned or enrolled

    def _resume(self) -> None:
        for model in folders.list_models(self.settings.home):
            self._updater(model)

    def _updater(self, model: str) -> Updater:
        if model not in self._updaters:
            updater = Updater(model, dependencies=self._collect_dependencies())
            updater.resume()
            self._updaters[model] = updater
        return self._updaters[model]

    def _collect_dependencies(self) -> Dependencies:
        return Dependencies(
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
            signing_keys=self._list_pinned_keys(),
            between_chunks=self._do_others,
            is_stopping=self.stop.is_set,
        )


def _read_wish(error: Exception) -> float | None:
    """Return the wait that the server asks for with its failure; None where it asks for none."""
    return error.retry_after_seconds if isinstance(error, ServerTrouble) else None
