"""The journal of one model's updates: the attempt, the highest release counter, the reports that wait.

It is one JSON file, replaced as a whole. A step and its report are therefore kept together or not at all: a power cut
neither loses a report nor leaves one for a step that never was.
"""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from edge_agent.machine import disk as disks
from edge_agent.server.answers import Assignment
from edge_agent.server.bodies import FailureDetail, ReportBody, ReportDetail
from edge_agent.update import transitions
from edge_agent.update.failures import Failure
from edge_agent.update.transitions import Event, Reported, State

log = logging.getLogger(__name__)
STATE_FILE = "state.json"
MAX_FAILED_ATTEMPTS = 64
MAX_OUTBOX = 256


@dataclasses.dataclass(kw_only=True)
class Attempt:
    """This device's attempt at one version. The names of the fields are those of the file.

    `probation_carried_seconds` is the time on probation up to `probation_since_monotonic`, a moment of the boot
    `probation_boot_id`.
    """

    attempt_id: str
    version: str
    sha256: str
    manifest_sha256: str
    release_counter: int
    probation_seconds: float
    probation_inferences: int
    state: State = State.DOWNLOADING
    reported: list[Reported] = dataclasses.field(default_factory=list)
    download_tries: int = 0
    active_providers: list[str] = dataclasses.field(default_factory=list)
    failure: FailureDetail = dataclasses.field(default_factory=FailureDetail)
    probation_boot_id: str = ""
    probation_since_monotonic: float = 0.0
    probation_carried_seconds: float = 0.0


class Journal:
    """The journal of one model, and the only writer of its file."""

    def __init__(self, folder: Path, *, model: str, disk: disks.Disk) -> None:
        self._path = folder / STATE_FILE
        self._disk = disk
        self.model = model
        document = self._read()
        self.attempt = _read_attempt(document.get("attempt"))
        self.highest_release_counter: int = document.get("highest_release_counter", 0)
        self.failed_attempts: list[str] = document.get("failed_attempts", [])
        self.outbox: list[ReportBody] = document.get("outbox", [])
        # One sequence for the model, not for the attempt: an attempt that comes back must not repeat its numbers.
        self.last_seq: int = document.get("last_seq", 0)
        self.confirmed_manifest_sha256: str = document.get("confirmed_manifest_sha256", "")
        self.confirmed_providers: list[str] = document.get("confirmed_providers", [])
        self.reports_dropped: int = document.get("reports_dropped", 0)

    def begin(self, assignment: Assignment) -> Attempt:
        """Start an attempt; the attempt at hand, cut off by a restart, starts its steps again instead."""
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

    def note(self, attempt: Attempt, event: Event, *, detail: ReportDetail | None = None) -> None:
        """Take one step of the table and keep it, with its report, durably."""
        attempt.state, reported = transitions.choose_next(attempt.state, event)
        if attempt.state is State.CONFIRMED:
            self.confirmed_manifest_sha256 = attempt.manifest_sha256
            self.confirmed_providers = attempt.active_providers
        # A superseded version did not fail: the server may assign the same attempt again.
        if attempt.state in {State.FAILED, State.ROLLED_BACK} and attempt.failure.get("class") != Failure.SUPERSEDED:
            self.failed_attempts = [*self.failed_attempts, attempt.attempt_id][-MAX_FAILED_ATTEMPTS:]
        if reported is not None:
            self.report(attempt, reported, detail=detail or {})
        self.save()
        log.info("%s %s attempt %s: %s", self.model, attempt.version, attempt.attempt_id, attempt.state)

    def report(self, attempt: Attempt, state: Reported, *, detail: ReportDetail) -> None:
        """Add a report to the outbox, once per attempt and state; `save` makes it durable."""
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
        """Replace the file as a whole."""
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

    def _read(self) -> disks.Document:
        try:
            return disks.read_document(self._path) or {}
        except ValueError:
            # A damaged disk: the slots still hold a good model, so the agent goes on without a memory and logs it.
            log.exception("%s cannot be read; starting with an empty one", self._path)
            return {}


def _read_attempt(document: Any) -> Attempt | None:
    if not document:
        return None
    reported = [Reported(state) for state in document.get("reported", [])]
    return Attempt(**{**document, "state": State(document["state"]), "reported": reported})
