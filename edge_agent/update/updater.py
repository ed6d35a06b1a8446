"""The update of one model, step by step.

1. `resume` after a start: make pointer and memory agree, finish a roll-back that was cut.
2. `apply` an assignment: download → verify → stage → self-test → switch. Each step is kept before the next begins, and
   each can be done again.
3. `watch` the probation: confirm, or roll back to the previous slot, else to the fall-back model.

Longer than most modules, because the order of these steps is the promise, and is read in one place.
"""

import dataclasses
import enum
import functools
import hashlib
import logging
from collections.abc import Callable

from edge_agent.installed import manifest
from edge_agent.installed.slots import Pointer, Slots
from edge_agent.machine import disk as disks
from edge_agent.machine.clock import Clock
from edge_agent.server.answers import Assignment
from edge_agent.server.bodies import RollBackDetail
from edge_agent.server.client import Client
from edge_agent.server.failures import ServerTrouble
from edge_agent.settings import Settings
from edge_agent.telemetry.store import Store
from edge_agent.update import download, probation, self_test, signature
from edge_agent.update.failures import Failure, UpdateFailed
from edge_agent.update.journal import Attempt, Journal
from edge_agent.update.transitions import UNDERWAY, Event, Reported, State

log = logging.getLogger(__name__)
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_SIGNATURE_BYTES = 1024 * 1024
MAX_DOWNLOAD_TRIES = 8
SAVE_PROBATION_EVERY_SECONDS = 60.0


class Outcome(enum.StrEnum):
    """What an assignment led to."""

    UP_TO_DATE = "up_to_date"
    UPDATED = "updated"
    KEPT = "kept"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What an updater works with; one per agent."""

    settings: Settings
    client: Client
    store: Store
    disk: disks.Disk
    clock: Clock
    budget: download.DailyBudget
    signing_keys: tuple[str, ...]
    between_chunks: Callable[[], None]
    is_stopping: Callable[[], bool]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Documents:
    """The small files beside a model."""

    manifest: bytes
    signature: bytes


class Updater:
    """Keeps one model at what is assigned."""

    def __init__(self, model: str, *, around: Surroundings) -> None:
        folder = around.settings.home / "models" / model
        self.model = model
        self.slots = Slots(folder, disk=around.disk)
        self.journal = Journal(folder, model=model, disk=around.disk)
        self._around = around
        self._download = download.Download(
            folder / "download", client=around.client, disk=around.disk, budget=around.budget
        )

    def resume(self) -> None:
        """Make pointer and memory agree after a stop at any moment."""
        pointer, attempt = self.slots.current(), self.journal.attempt
        if pointer is not None and pointer.slot is not None and not self.slots.is_sound(pointer.slot):
            log.error("%s: the current slot is damaged", self.model)
            self._restore_from(pointer)
            self.journal.attempt = attempt = None
            self.journal.save()
        if attempt is None:
            return
        if attempt.state is State.SELF_TESTED and pointer is not None and pointer.attempt_id == attempt.attempt_id:
            self._start_probation(attempt)
        elif attempt.state is State.ROLLING_BACK:
            self._finish_roll_back(attempt)

    def apply(self, assignment: Assignment) -> Outcome:
        """Bring the device to what is assigned.

        Raises:
            ServerTrouble: the download stopped on the way; the same assignment again goes on.
            Interrupted: the agent is stopping.
        """
        if assignment.attempt_id in self.journal.failed_attempts:
            return Outcome.KEPT
        attempt = self.journal.attempt
        if attempt is not None and attempt.attempt_id == assignment.attempt_id and attempt.state not in UNDERWAY:
            self._raise_counter(assignment)
            return Outcome.UP_TO_DATE
        if attempt is not None and attempt.state is State.PROBATION and not self._runs(assignment):
            self._supersede(attempt)
        begun = self.journal.begin(assignment)
        try:
            return self._attempt(begun, assignment=assignment, former=attempt)
        except UpdateFailed as failed:
            return self._fail(begun, failed)
        except OSError as error:
            if error.errno not in download.DISK_FULL_ERRORS or begun.state not in UNDERWAY:
                raise
            return self._fail(begun, UpdateFailed(Failure.DISK_FULL, str(error)))
        except ServerTrouble as trouble:
            return self._give_up_or_raise(begun, trouble)

    def watch(self) -> None:
        """Confirm a model on probation or roll it back, when its time has come."""
        attempt = self.journal.attempt
        if attempt is None or attempt.state is not State.PROBATION:
            return
        verdict = probation.decide(
            self._gather_evidence(attempt),
            probation_seconds=attempt.probation_seconds,
            probation_inferences=attempt.probation_inferences,
            max_consecutive_errors=self._around.settings.max_consecutive_errors,
        )
        if verdict.decision is probation.Decision.CONFIRM:
            self.journal.note(attempt, Event.CONFIRMED, detail={"reason": verdict.reason})
        elif verdict.decision is probation.Decision.ROLL_BACK:
            self._roll_back(attempt, failure=verdict.failure or Failure.PROBATION_FAILED, reason=verdict.reason)

    def _attempt(self, attempt: Attempt, *, assignment: Assignment, former: Attempt | None) -> Outcome:
        self._check_counter(assignment)
        if self._runs(assignment):
            return self._adopt(attempt, former=former)
        return self._update(attempt, assignment=assignment)

    def _update(self, attempt: Attempt, *, assignment: Assignment) -> Outcome:
        self.journal.highest_release_counter = assignment.release_counter
        self.journal.report(attempt, Reported.DOWNLOADING, detail={"reason": assignment.reason})
        self.journal.save()
        slot = self.slots.spare()
        documents = self._obtain_documents(assignment)
        self._check_documents(documents, assignment=assignment)
        file = None
        if not self.slots.holds(slot, assignment=assignment):
            file = self._download.obtain(
                assignment,
                min_free_bytes=self._around.settings.min_free_bytes,
                make_room=functools.partial(self.slots.clear, slot),
                between_chunks=self._around.between_chunks,
            )
        self.journal.note(attempt, Event.VERIFIED)
        if file is not None:
            self.slots.stage(
                slot,
                part=file,
                filename=assignment.filename,
                manifest=documents.manifest,
                signature=documents.signature,
            )
        self.journal.note(attempt, Event.STAGED)
        passed = self_test.run(
            self.slots.folder_of(slot),
            timeout_seconds=self._around.settings.self_test_timeout_seconds,
            is_stopping=self._around.is_stopping,
        )
        attempt.active_providers = passed["active_providers"]
        self.journal.note(attempt, Event.SELF_TESTED, detail=passed)
        self._switch(attempt, slot=slot)
        return Outcome.UPDATED

    def _check_counter(self, assignment: Assignment) -> None:
        if assignment.release_counter < self.journal.highest_release_counter:
            message = f"release counter {assignment.release_counter} is below {self.journal.highest_release_counter}"
            raise UpdateFailed(Failure.DOWNGRADE, message)
        limit = self._around.settings.max_model_bytes
        if assignment.size_bytes > limit:
            raise UpdateFailed(Failure.TOO_LARGE, f"{assignment.size_bytes} bytes, max_model_bytes is {limit}")

    def _raise_counter(self, assignment: Assignment) -> None:
        """Keep the highest counter: an act that changes nothing here still forbids what came before it."""
        if assignment.release_counter > self.journal.highest_release_counter:
            self.journal.highest_release_counter = assignment.release_counter
            self.journal.save()

    def _obtain_documents(self, assignment: Assignment) -> Documents:
        """Fetch manifest and signature: small, and checked before a byte of the model is paid for."""
        fetched = self._around.client.fetch_small(assignment.manifest_url, most_bytes=MAX_MANIFEST_BYTES)
        if hashlib.sha256(fetched).hexdigest() != assignment.manifest_sha256:
            raise UpdateFailed(Failure.MANIFEST_INVALID, "the manifest is not the one of the assignment")
        signed = self._around.client.fetch_small(assignment.signature_url, most_bytes=MAX_SIGNATURE_BYTES)
        return Documents(manifest=fetched, signature=signed)

    def _check_documents(self, documents: Documents, *, assignment: Assignment) -> None:
        signature.verify(
            documents.signature,
            digests={manifest.MANIFEST_FILE: assignment.manifest_sha256, assignment.filename: assignment.sha256},
            keys=signature.load_keys(self._around.signing_keys),
        )
        manifest.check_fits(manifest.parse(documents.manifest), assignment=assignment)

    def _switch(self, attempt: Attempt, *, slot: str) -> None:
        former = self.slots.current()
        # Old counts of this very version, of an earlier life, must not speak for or against it.
        self._around.store.reset_tally(self.model, attempt.version)
        self.slots.switch(
            Pointer(
                model=self.model,
                slot=slot,
                previous=former.slot if former else None,
                attempt_id=attempt.attempt_id,
                version=attempt.version,
                sha256=attempt.sha256,
                manifest_sha256=attempt.manifest_sha256,
                fallback_model=self._fallback_model(),
            )
        )
        self._start_probation(attempt)

    def _start_probation(self, attempt: Attempt) -> None:
        attempt.probation_boot_id = self._around.clock.boot_id()
        attempt.probation_since_monotonic = self._around.clock.monotonic()
        self.journal.note(attempt, Event.SWITCHED)

    def _runs(self, assignment: Assignment) -> bool:
        pointer = self.slots.current()
        return (
            pointer is not None
            and pointer.slot is not None
            and (pointer.version, pointer.sha256, pointer.manifest_sha256)
            == (assignment.version, assignment.sha256, assignment.manifest_sha256)
        )

    def _adopt(self, attempt: Attempt, *, former: Attempt | None) -> Outcome:
        """Take over what runs already: nothing is loaded anew, and a probation that is under way goes on."""
        self.journal.highest_release_counter = attempt.release_counter
        if former is not None and former.manifest_sha256 == attempt.manifest_sha256:
            attempt.active_providers = former.active_providers
            attempt.probation_boot_id = former.probation_boot_id
            attempt.probation_since_monotonic = former.probation_since_monotonic
            attempt.probation_carried_seconds = former.probation_carried_seconds
        if not attempt.probation_boot_id:
            attempt.probation_boot_id = self._around.clock.boot_id()
            attempt.probation_since_monotonic = self._around.clock.monotonic()
        is_confirmed = self.journal.confirmed_manifest_sha256 == attempt.manifest_sha256
        if is_confirmed:
            attempt.active_providers = self.journal.confirmed_providers
        self.journal.note(attempt, Event.ADOPTED, detail={"reason": "it runs already"})
        if is_confirmed:
            self.journal.note(attempt, Event.CONFIRMED, detail={"reason": "confirmed on this device before"})
        return Outcome.UP_TO_DATE

    def _fail(self, attempt: Attempt, failed: UpdateFailed) -> Outcome:
        log.error(
            "%s %s attempt %s failed: %s: %s", self.model, attempt.version, attempt.attempt_id, failed.failure, failed
        )
        attempt.failure = {"class": failed.failure.value, "message": str(failed)}
        self.journal.note(attempt, Event.REFUSED, detail=attempt.failure)
        return Outcome.FAILED

    def _give_up_or_raise(self, attempt: Attempt, trouble: ServerTrouble) -> Outcome:
        """Count a download that stopped: the server answers polls, so it is the file that cannot be had."""
        if isinstance(trouble, download.BudgetSpent):
            raise trouble
        attempt.download_tries += 1
        if attempt.download_tries >= MAX_DOWNLOAD_TRIES:
            message = f"{attempt.download_tries} tries, the last: {trouble}"
            return self._fail(attempt, UpdateFailed(Failure.DOWNLOAD_FAILED, message))
        self.journal.save()
        raise trouble

    def _gather_evidence(self, attempt: Attempt) -> probation.Evidence:
        tally = self._around.store.read_tally(self.model, attempt.version)
        return probation.Evidence(
            elapsed_seconds=self._elapsed_seconds(attempt),
            inferences=tally.inferences,
            consecutive_errors=tally.consecutive_errors,
            load_failures=tally.load_failures,
            last_error=tally.last_error,
        )

    def _elapsed_seconds(self, attempt: Attempt) -> float:
        """Return the probation so far; of earlier boots, what was kept (never more than was really spent)."""
        clock = self._around.clock
        now = clock.monotonic()
        if attempt.probation_boot_id != clock.boot_id():
            attempt.probation_boot_id, attempt.probation_since_monotonic = clock.boot_id(), now
            self.journal.save()
        running = now - attempt.probation_since_monotonic
        if running >= SAVE_PROBATION_EVERY_SECONDS:
            attempt.probation_carried_seconds += running
            attempt.probation_since_monotonic = now
            self.journal.save()
            running = 0.0
        return attempt.probation_carried_seconds + running

    def _supersede(self, attempt: Attempt) -> None:
        """End a probation because something else is assigned: an unproven model is no ground to build on."""
        reason = "something else was assigned during probation"
        pointer = self.slots.current()
        if pointer is not None and pointer.previous is not None:
            self._roll_back(attempt, failure=Failure.SUPERSEDED, reason=reason)
            return
        attempt.failure = {"class": Failure.SUPERSEDED.value, "message": reason}
        self.journal.note(attempt, Event.SUPERSEDED, detail=attempt.failure)

    def _roll_back(self, attempt: Attempt, *, failure: Failure, reason: str) -> None:
        log.warning("%s %s rolls back: %s: %s", self.model, attempt.version, failure, reason)
        attempt.failure = {"class": failure.value, "message": reason}
        self.journal.note(attempt, Event.TRIPPED)
        self._finish_roll_back(attempt)

    def _finish_roll_back(self, attempt: Attempt) -> None:
        pointer = self.slots.current()
        if pointer is not None and pointer.attempt_id == attempt.attempt_id:
            self._restore_from(pointer)
        restored = self.slots.current()
        detail: RollBackDetail = {**attempt.failure, "restored": (restored and restored.version) or None}
        self.journal.note(attempt, Event.RESTORED, detail=detail)

    def _restore_from(self, pointer: Pointer) -> None:
        """Point at the previous slot where it is sound, else at the fall-back model, else at nothing."""
        previous = pointer.previous
        if previous is None or not self.slots.is_sound(previous):
            self.slots.switch(Pointer(model=self.model, slot=None, fallback_model=self._fallback_model()))
            return
        folder = self.slots.folder_of(previous)
        kept = manifest.parse((folder / manifest.MANIFEST_FILE).read_bytes())
        self.slots.switch(
            Pointer(
                model=self.model,
                slot=previous,
                version=kept.version,
                sha256=kept.sha256,
                manifest_sha256=disks.hash_file(folder / manifest.MANIFEST_FILE),
                fallback_model=self._fallback_model(),
            )
        )

    def _fallback_model(self) -> str | None:
        path = self._around.settings.fallback_model
        return str(path) if path else None
