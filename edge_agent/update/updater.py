"""The update of one model, step by step: download → verify → stage → self-test → switch.

1. `resume` after a start: make pointer and journal agree, and finish a roll-back that was cut off.
2. `apply` an assignment. The journal keeps each step before the next one begins, and each step can be done again.
3. `watch` the probation that the switch began; `activation` has the rest.
"""

import dataclasses
import enum
import functools
import logging
from collections.abc import Callable

from edge_agent.installed import folders
from edge_agent.installed.slots import Slots
from edge_agent.machine.clock import Clock
from edge_agent.machine.disk import Disk
from edge_agent.server.answers import Assignment
from edge_agent.server.client import Client
from edge_agent.server.failures import ServerTrouble
from edge_agent.settings import Settings
from edge_agent.telemetry.store import Store
from edge_agent.update import documents, download, self_test
from edge_agent.update.activation import Activation
from edge_agent.update.documents import Documents
from edge_agent.update.failures import Failure, UpdateFailed
from edge_agent.update.journal import Attempt, Journal
from edge_agent.update.transitions import UNDERWAY, Event, Reported, State

log = logging.getLogger(__name__)
# Golden tensors make a manifest large; a signature holds two names and two digests.
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_SIGNATURE_BYTES = 1024 * 1024
MAX_DOWNLOAD_TRIES = 8


class Outcome(enum.StrEnum):
    """The result of an assignment; `kept` means that this attempt failed before and is not tried again."""

    UP_TO_DATE = "up_to_date"
    UPDATED = "updated"
    KEPT = "kept"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Everything that an updater works with; the updaters of one agent share it.

    `signing_keys` are PEM texts. A long download calls `between_chunks`, a self-test asks `is_stopping`.
    """

    settings: Settings
    client: Client
    store: Store
    disk: Disk
    clock: Clock
    budget: download.DailyBudget
    signing_keys: tuple[str, ...]
    between_chunks: Callable[[], None]
    is_stopping: Callable[[], bool]


class Updater:
    """Keeps one model at the version that is assigned."""

    def __init__(self, model: str, *, dependencies: Dependencies) -> None:
        self._needs = dependencies
        settings = dependencies.settings
        folder = folders.folder_of(settings.home, model)
        self.model = model
        self.slots = Slots(folder, disk=dependencies.disk)
        self.journal = Journal(folder, model=model, disk=dependencies.disk)
        self._activation = Activation(
            self.slots,
            journal=self.journal,
            store=dependencies.store,
            clock=dependencies.clock,
            max_consecutive_errors=settings.max_consecutive_errors,
            fallback_model=settings.fallback_model,
        )
        self._download = download.Download(
            folder / "download", client=dependencies.client, disk=dependencies.disk, budget=dependencies.budget
        )

    def resume(self) -> None:
        """Make pointer and journal agree after a stop at any moment."""
        pointer, attempt = self.slots.current(), self.journal.attempt
        if pointer is not None and pointer.slot is not None and not self.slots.is_sound(pointer.slot):
            log.error("%s: the current slot is damaged", self.model)
            self._activation.restore_from(pointer)
            # Without an attempt the next poll starts the assigned version anew, and so repairs the slot.
            self.journal.attempt = attempt = None
            self.journal.save()
        if attempt is None:
            return
        if attempt.state is State.SELF_TESTED and pointer is not None and pointer.attempt_id == attempt.attempt_id:
            # The power was cut between the switch of the pointer and its note in the journal.
            self._activation.start_probation(attempt)
        elif attempt.state is State.ROLLING_BACK:
            self._activation.finish_roll_back(attempt)

    def apply(self, assignment: Assignment) -> Outcome:
        """Bring the device to the assigned version.

        Raises:
            ServerTrouble: the download stopped on the way; the same assignment continues it.
            Interrupted: the agent is stopping.
        """
        if assignment.attempt_id in self.journal.failed_attempts:
            return Outcome.KEPT
        attempt = self.journal.attempt
        if attempt is not None and attempt.attempt_id == assignment.attempt_id and attempt.state not in UNDERWAY:
            self._raise_counter(assignment)
            return Outcome.UP_TO_DATE
        if attempt is not None and attempt.state is State.PROBATION and not self._runs(assignment):
            self._activation.supersede(attempt)
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
        """Confirm the model on probation or roll it back, when the evidence suffices."""
        self._activation.watch()

    def _attempt(self, attempt: Attempt, *, assignment: Assignment, former: Attempt | None) -> Outcome:
        self._check_assignment(assignment)
        if self._runs(assignment):
            self._activation.adopt(attempt, former=former)
            return Outcome.UP_TO_DATE
        self.journal.highest_release_counter = assignment.release_counter
        self.journal.report(attempt, Reported.DOWNLOADING, detail={"reason": assignment.reason})
        self.journal.save()
        slot = self.slots.spare()
        self._fill(slot, attempt=attempt, assignment=assignment)
        self._test(slot, attempt=attempt)
        self._activation.switch(attempt, slot=slot)
        return Outcome.UPDATED

    def _fill(self, slot: str, *, attempt: Attempt, assignment: Assignment) -> None:
        """Download and verify the assigned files into a slot; a slot that holds them already stays as it is."""
        found = self._obtain_documents(assignment)
        documents.check(found, assignment=assignment, signing_keys=self._needs.signing_keys)
        part = None
        if not self.slots.holds(slot, digests=documents.list_digests(assignment)):
            part = self._download.obtain(
                assignment,
                min_free_bytes=self._needs.settings.min_free_bytes,
                make_room=functools.partial(self.slots.clear, slot),
                between_chunks=self._needs.between_chunks,
            )
        self.journal.note(attempt, Event.VERIFIED)
        if part is not None:
            self.slots.stage(
                slot, part=part, filename=assignment.filename, manifest=found.manifest, signature=found.signature
            )
        self.journal.note(attempt, Event.STAGED)

    def _test(self, slot: str, *, attempt: Attempt) -> None:
        passed = self_test.run(
            self.slots.folder_of(slot),
            timeout_seconds=self._needs.settings.self_test_timeout_seconds,
            is_stopping=self._needs.is_stopping,
        )
        attempt.active_providers = passed["active_providers"]
        self.journal.note(attempt, Event.SELF_TESTED, detail=passed)

    def _obtain_documents(self, assignment: Assignment) -> Documents:
        client = self._needs.client
        manifest = client.fetch_small(assignment.manifest_url, most_bytes=MAX_MANIFEST_BYTES)
        documents.check_digest(manifest, assignment=assignment)
        signature = client.fetch_small(assignment.signature_url, most_bytes=MAX_SIGNATURE_BYTES)
        return Documents(manifest=manifest, signature=signature)

    def _check_assignment(self, assignment: Assignment) -> None:
        if assignment.release_counter < self.journal.highest_release_counter:
            message = f"release counter {assignment.release_counter} is below {self.journal.highest_release_counter}"
            raise UpdateFailed(Failure.DOWNGRADE, message)
        limit = self._needs.settings.max_model_bytes
        if assignment.size_bytes > limit:
            raise UpdateFailed(Failure.TOO_LARGE, f"{assignment.size_bytes} bytes, max_model_bytes is {limit}")

    def _raise_counter(self, assignment: Assignment) -> None:
        """Keep the highest counter: an assignment that changes nothing here still forbids all that came before it."""
        if assignment.release_counter > self.journal.highest_release_counter:
            self.journal.highest_release_counter = assignment.release_counter
            self.journal.save()

    def _runs(self, assignment: Assignment) -> bool:
        pointer = self.slots.current()
        return (
            pointer is not None
            and pointer.slot is not None
            and (pointer.version, pointer.sha256, pointer.manifest_sha256)
            == (assignment.version, assignment.sha256, assignment.manifest_sha256)
        )

    def _fail(self, attempt: Attempt, failed: UpdateFailed) -> Outcome:
        log.error(
            "%s %s attempt %s failed: %s: %s", self.model, attempt.version, attempt.attempt_id, failed.failure, failed
        )
        attempt.failure = {"class": failed.failure.value, "message": str(failed)}
        self.journal.note(attempt, Event.REFUSED, detail=attempt.failure)
        return Outcome.FAILED

    def _give_up_or_raise(self, attempt: Attempt, trouble: ServerTrouble) -> Outcome:
        """Count a download that stopped. The server answers polls, so after eight tries the file itself is the problem."""
        if isinstance(trouble, download.BudgetSpent):
            raise trouble
        attempt.download_tries += 1
        if attempt.download_tries >= MAX_DOWNLOAD_TRIES:
            message = f"{attempt.download_tries} tries, the last: {trouble}"
            return self._fail(attempt, UpdateFailed(Failure.DOWNLOAD_FAILED, message))
        self.journal.save()
        raise trouble
