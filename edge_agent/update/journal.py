"""What the agent remembers of one model's updates: the attempt, the highest release counter, the reports not yet delivered.

One JSON document per model, replaced as a whole: a step and its report are kept together or not at all, so a report is
neither lost nor invented by a power cut.
"""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from edge_agent.machine import disk as disks
from edge_agent.server.answers import Assignment
from edge_agent.update import transitions
from edge_agent.update.failures import Failure
from edge_agent.update.transitions import Event, State

log = logging.getLogger(__name__)
STATE_FILE = "state.json"
MAX_FAILED_ATTEMPTS = 64
MAX_OUTBOX = 256


@dataclasses.dataclass(kw_only=True)
class Attempt:
    """This device's attempt at one version."""

    attempt_id: str
    version: str
    sha256: str
    manifest_sha256: str
    release_counter: int
    probation_seconds: float
    probation_inferences: int
    state: State = State.DOWNLOADING
    reported: list[str] = dataclasses.field(default_factory=list)
    download_tries: int = 0
    active_providers: list[str] = dataclasses.field(default_factory=list)
    failure: dict[str, Any] = dataclasses.field(default_factory=dict)
    probation_boot_id: str = ""
    probation_since_monotonic: float = 0.0
    probation_carried_seconds: float = 0.0


class Journal:
    """The document of one model, and the only writer of it."""

    def __init__(self, folder: Path, *, model: str, disk: disks.Disk) -> None:
        self._path = folder / STATE_FILE
        self._disk = disk
        self.model = model
        document = self._read()
        raw = document.get("attempt")
        self.attempt = Attempt(**{**raw, "state": State(raw["state"])}) if raw else None
        self.highest_release_counter: int = document.get("highest_release_counter", 0)
        self.failed_attempts: list[str] = document.get("failed_attempts", [])
        self.outbox: list[dict[str, Any]] = document.get("outbox", [])
        # One sequence for the model, not for the attempt: an attempt that comes back must not repeat its numbers.
        self.last_seq: int = document.get("last_seq", 0)
        self.confirmed_manifest_sha256: str = document.get("confirmed_manifest_sha256", "")
        self.confirmed_providers: list[str] = document.get("confirmed_providers", [])
        self.reports_dropped: int = document.get("reports_dropped", 0)

    def begin(self, assignment: Assignment) -> Attempt:
        """Start an attempt, or the steps of the same one over after a restart."""
        if self.attempt is not None and self.attempt.attempt_id == assignment.attempt_id:
            self.attempt.state, _ = transitions.choose_next(self.attempt.state, Event.RESTARTED)
        else:
            self.attempt = Attempt(
                attempt_id=assignment.attempt_id,
                version=assignment.version,
                sha256=assignment.sha256,
                manifest_sha256=assignment.manifest_sha256,
                release_counter=assignment.release_counter,
                probation_seconds=assignment.policy.probation_seconds,
                probation_inferences=assignment.policy.probation_inferences,
            )
        return self.attempt

    def note(self, attempt: Attempt, event: Event, *, detail: dict[str, Any] | None = None) -> None:
        """Take one step of the table and keep it, with its report, durably."""
        attempt.state, reported = transitions.choose_next(attempt.state, event)
        if attempt.state is State.CONFIRMED:
            self.confirmed_manifest_sha256 = attempt.manifest_sha256
            self.confirmed_providers = attempt.active_providers
        if attempt.state in {State.FAILED, State.ROLLED_BACK} and attempt.failure.get("class") != Failure.SUPERSEDED:
            self.failed_attempts = [*self.failed_attempts, attempt.attempt_id][-MAX_FAILED_ATTEMPTS:]
        if reported is not None:
            self.report(attempt, reported, detail=detail or {})
        self.save()
        log.info("%s %s attempt %s: %s", self.model, attempt.version, attempt.attempt_id, attempt.state)

    def report(self, attempt: Attempt, state: str, *, detail: dict[str, Any]) -> None:
        """Put a report into the outbox, once per attempt and state; `save` makes it durable."""
        if state in attempt.reported:
            return
        self.last_seq += 1
        attempt.reported.append(state)
        self.outbox.append(
            {
                "attempt_id": attempt.attempt_id,
                "seq": self.last_seq,
                "state": state,
                "model": self.model,
                "version": attempt.version,
                "sha256": attempt.sha256,
                "detail": detail,
                "active_providers": attempt.active_providers,
                "release_counter": attempt.release_counter,
            }
        )
        if len(self.outbox) > MAX_OUTBOX:
            self.reports_dropped += 1
            log.error("the report outbox is full: dropped %s", self.outbox.pop(0))

    def save(self) -> None:
        """Replace the document as a whole."""
        document = {
            "model": self.model,
            "attempt": dataclasses.asdict(self.attempt) if self.attempt else None,
            "highest_release_counter": self.highest_release_counter,
            "failed_attempts": self.failed_attempts,
            "outbox": self.outbox,
            "last_seq": self.last_seq,
            "confirmed_manifest_sha256": self.confirmed_manifest_sha256,
            "confirmed_providers": self.confirmed_providers,
            "reports_dropped": self.reports_dropped,
        }
        self._disk.ensure_folder(self._path.parent)
        self._disk.write_document(self._path, document)

    def _read(self) -> dict[str, Any]:
        try:
            return disks.read_document(self._path) or {}
        except ValueError:
            # Bit rot: the slots still hold a good model, so the agent goes on with an empty memory and says so.
            log.exception("%s cannot be read; starting with an empty one", self._path)
            return {}
