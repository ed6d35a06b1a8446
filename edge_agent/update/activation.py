"""The second half of an attempt: the switch to a slot, the probation of its model, and the way back.

1. `switch` replaces the pointer and starts the probation. `adopt` starts it for a model that is in use already.
2. `watch` confirms the model, or rolls it back, when the evidence suffices.
3. A roll-back points at the previous slot, else at the fall-back model, else at nothing. The journal records the intention
   first, so that `finish_roll_back` can do it again after a power cut.
"""

import logging
from pathlib import Path

from edge_agent.installed import manifest as manifests
from edge_agent.installed.pointer import Pointer
from edge_agent.installed.slots import Slots
from edge_agent.machine import disk as disks
from edge_agent.machine.clock import Clock
from edge_agent.names import MANIFEST_FILE
from edge_agent.server.bodies import RollBackDetail
from edge_agent.telemetry.store import Store
from edge_agent.update import probation
from edge_agent.update.failures import Failure
from edge_agent.update.journal import Attempt, Journal
from edge_agent.update.transitions import Event, State

log = logging.getLogger(__name__)
SAVE_PROBATION_EVERY_SECONDS = 60.0


class Activation:
    """Switches one model's slots, and decides whether the new model stays."""

    def __init__(
        self,
        slots: Slots,
        *,
        journal: Journal,
        store: Store,
        clock: Clock,
        max_consecutive_errors: int,
        fallback_model: Path | None,
    ) -> None:
        self._slots = slots
        self._journal = journal
        self._store = store
        self._clock = clock
        self._max_consecutive_errors = max_consecutive_errors
        self._fallback_model = str(fallback_model) if fallback_model else None

    def switch(self, attempt: Attempt, *, slot: str) -> None:
        """Make a slot, whose model passed its self-test, the one in use."""
        former = self._slots.current()
        # This version may have run here before: its old counts must not speak for it or against it.
        self._store.reset_tally(self._journal.model, attempt.version)
        self._slots.switch(
            Pointer(
                model=self._journal.model,
                slot=slot,
                previous=former.slot if former else None,
                attempt_id=attempt.attempt_id,
                version=attempt.version,
                sha256=attempt.sha256,
                manifest_sha256=attempt.manifest_sha256,
                fallback_model=self._fallback_model,
            )
        )
        self.start_probation(attempt)

    def start_probation(self, attempt: Attempt) -> None:
        """Start the probation of the model that the pointer names."""
        self._start_time(attempt)
        self._journal.note(attempt, Event.SWITCHED)

    def adopt(self, attempt: Attempt, *, former: Attempt | None) -> None:
        """Take over the version in use for another attempt: no model is loaded anew, and a probation goes on."""
        self._journal.highest_release_counter = attempt.release_counter
        if former is not None and former.manifest_sha256 == attempt.manifest_sha256:
            attempt.active_providers = former.active_providers
            attempt.probation_boot_id = former.probation_boot_id
            attempt.probation_since_monotonic = former.probation_since_monotonic
            attempt.probation_carried_seconds = former.probation_carried_seconds
        if not attempt.probation_boot_id:
            self._start_time(attempt)
        is_confirmed = self._journal.confirmed_manifest_sha256 == attempt.manifest_sha256
        if is_confirmed:
            attempt.active_providers = self._journal.confirmed_providers
        self._journal.note(attempt, Event.ADOPTED, detail={"reason": "it runs already"})
        if is_confirmed:
            self._journal.note(attempt, Event.CONFIRMED, detail={"reason": "confirmed on this device before"})

    def watch(self) -> None:
        """Confirm the model on probation or roll it back, when the evidence suffices."""
        attempt = self._journal.attempt
        if attempt is None or attempt.state is not State.PROBATION:
            return
        verdict = probation.decide(
            self._gather_evidence(attempt),
            probation_seconds=attempt.probation_seconds,
            probation_inferences=attempt.probation_inferences,
            max_consecutive_errors=self._max_consecutive_errors,
        )
        if verdict.decision is probation.Decision.CONFIRM:
            self._journal.note(attempt, Event.CONFIRMED, detail={"reason": verdict.reason})
        elif verdict.decision is probation.Decision.ROLL_BACK:
            self._roll_back(attempt, failure=verdict.failure or Failure.PROBATION_FAILED, reason=verdict.reason)

    def supersede(self, attempt: Attempt) -> None:
        """End a probation because another version is assigned.

        The next update must start from the previous slot: an unproven model would otherwise become the one to return to.
        """
        reason = "something else was assigned during probation"
        pointer = self._slots.current()
        if pointer is not None and pointer.previous is not None:
            self._roll_back(attempt, failure=Failure.SUPERSEDED, reason=reason)
            return
        attempt.failure = {"class": Failure.SUPERSEDED.value, "message": reason}
        self._journal.note(attempt, Event.SUPERSEDED, detail=attempt.failure)

    def finish_roll_back(self, attempt: Attempt) -> None:
        """Do the roll-back that the journal announces, or the rest of one that a power cut stopped."""
        pointer = self._slots.current()
        if pointer is not None and pointer.attempt_id == attempt.attempt_id:
            self.restore_from(pointer)
        restored = self._slots.current()
        version = restored.version if restored is not None else None
        detail: RollBackDetail = {**attempt.failure, "restored": version or None}
        self._journal.note(attempt, Event.RESTORED, detail=detail)

    def restore_from(self, pointer: Pointer) -> None:
        """Point at the previous slot where it is sound, else at the fall-back model, else at nothing."""
        previous = pointer.previous
        if previous is None or not self._slots.is_sound(previous):
            empty = Pointer(model=self._journal.model, slot=None, fallback_model=self._fallback_model)
            self._slots.switch(empty)
            return
        path = self._slots.folder_of(previous) / MANIFEST_FILE
        manifest = manifests.parse(path.read_bytes())
        self._slots.switch(
            Pointer(
                model=self._journal.model,
                slot=previous,
                version=manifest.version,
                sha256=manifest.sha256,
                manifest_sha256=disks.hash_file(path),
                fallback_model=self._fallback_model,
            )
        )

    def _roll_back(self, attempt: Attempt, *, failure: Failure, reason: str) -> None:
        log.warning("%s %s rolls back: %s: %s", self._journal.model, attempt.version, failure, reason)
        attempt.failure = {"class": failure.value, "message": reason}
        self._journal.note(attempt, Event.TRIPPED)
        self.finish_roll_back(attempt)

    def _gather_evidence(self, attempt: Attempt) -> probation.Evidence:
        tally = self._store.read_tally(self._journal.model, attempt.version)
        return probation.Evidence(
            elapsed_seconds=self._count_seconds(attempt),
            inferences=tally.inferences,
            consecutive_errors=tally.consecutive_errors,
            load_failures=tally.load_failures,
            last_error=tally.last_error,
        )

    def _start_time(self, attempt: Attempt) -> None:
        attempt.probation_boot_id = self._clock.boot_id()
        attempt.probation_since_monotonic = self._clock.monotonic()

    def _count_seconds(self, attempt: Attempt) -> float:
        """Return the seconds on probation: of this boot all of them, of earlier boots those that were saved.

        Monotonic seconds of an earlier boot mean nothing now. A reboot therefore loses the time since the last save, which a
        running agent makes once a minute. The sum is never more than the time that really passed.
        """
        now = self._clock.monotonic()
        if attempt.probation_boot_id != self._clock.boot_id():
            attempt.probation_boot_id, attempt.probation_since_monotonic = self._clock.boot_id(), now
            self._journal.save()
        running = now - attempt.probation_since_monotonic
        if running >= SAVE_PROBATION_EVERY_SECONDS:
            attempt.probation_carried_seconds += running
            attempt.probation_since_monotonic = now
            self._journal.save()
            running = 0.0
        return attempt.probation_carried_seconds + running
